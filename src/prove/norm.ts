import type { Outcome } from '../shared/proof.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import {
  type Check,
  farthest,
  largest,
  sameShape,
  shapesDiffer,
  skipped,
  type Tolerance,
  verdict,
} from './identity.ts';

/** Of row variance, epsilon may take this much: norms use 1e-12 to 1e-5, and rows of the stream are rarely that small. */
const epsilon = 1e-3;

interface Moments {
  /** Largest |mean| and largest |mean square - 1| that epsilon does not explain. */
  readonly mean: number;
  readonly square: number;
}

function momentsOf(normalized: FloatTensor, scale: FloatTensor): Moments {
  const width = normalized.dims.at(-1) ?? 1;
  let [worstMean, worstSquare] = [0, 0];
  for (let row = 0; row * width < normalized.data.length; row++) {
    let [sum, squares] = [0, 0];
    for (const value of normalized.data.subarray(row * width, (row + 1) * width)) {
      sum += value;
      squares += value * value;
    }
    const factor = scale.data[row] ?? Number.NaN;
    const missing = 1 - squares / width;
    // variance / (variance + epsilon): below 1 by epsilon / scale².
    const explained = missing > 0 && missing * factor * factor <= epsilon ? missing : 0;
    worstMean = Math.max(worstMean, Math.abs(sum / width));
    worstSquare = Math.max(worstSquare, Math.abs(missing - explained));
  }
  return { mean: worstMean, square: worstSquare };
}

/** [normalized, scale]: unit root mean square over the last axis; LayerNorm has mean 0 too. */
export const isNormalized: Check = ([normalized, scale], tolerance) => {
  if (normalized === undefined || scale === undefined) return skipped('there is nothing to compare');
  if (normalized.data.length !== scale.data.length * (normalized.dims.at(-1) ?? 0))
    return shapesDiffer(normalized, scale);
  const { mean, square } = momentsOf(normalized, scale);
  const limit = tolerance.rounding * largest(normalized);
  return verdict(square, limit, mean <= limit ? 'mean 0, variance 1' : 'unit root mean square');
};

/** [input, normalized, scale]: normalized · scale is the input, centred where the norm centres. */
export const rescales: Check = ([input, normalized, scale], { rounding }) => {
  if (input === undefined || normalized === undefined || scale === undefined)
    return skipped('there is nothing to compare');
  if (!sameShape(input, normalized)) return shapesDiffer(input, normalized);
  const width = input.dims.at(-1) ?? 1;
  const means = Array.from({ length: input.data.length / width }, (_, row) => {
    const values = input.data.subarray(row * width, (row + 1) * width);
    return values.reduce((sum, value) => sum + value, 0) / width;
  });
  const back = (at: number): number =>
    (normalized.data[at] ?? Number.NaN) * (scale.data[Math.floor(at / width)] ?? Number.NaN);
  const plain = farthest(input.data, back);
  const centred = farthest(input.data, (at) => back(at) + (means[Math.floor(at / width)] ?? Number.NaN));
  const limit = rounding * largest(input);
  return centred < plain
    ? verdict(centred, limit, 'centred: LayerNorm')
    : verdict(plain, limit, 'not centred: RMSNorm');
};

/**
 * Whether each column of `output` is one gain and one bias away from the same column of `normalized`, both
 * [row, width]. Two numbers a column are fitted, so a few rows decide.
 */
export function gainAndBias(
  output: Float32Array,
  normalized: Float32Array,
  width: number,
  { rounding }: Tolerance,
): { readonly difference: number; readonly tolerance: number } {
  const rows = output.length / width;
  let [difference, size] = [0, 0];
  for (let column = 0; column < width; column++) {
    let [x, y, xx, xy] = [0, 0, 0, 0];
    for (let row = 0; row < rows; row++) {
      const [a, b] = [
        normalized[row * width + column] ?? Number.NaN,
        output[row * width + column] ?? Number.NaN,
      ];
      x += a;
      y += b;
      xx += a * a;
      xy += a * b;
      size = Math.max(size, Math.abs(b));
    }
    const spread = xx - (x * x) / rows;
    const gain = spread === 0 ? 0 : (xy - (x * y) / rows) / spread;
    const bias = (y - gain * x) / rows;
    for (let row = 0; row < rows; row++) {
      const at = row * width + column;
      const far = Math.abs((output[at] ?? Number.NaN) - gain * (normalized[at] ?? Number.NaN) - bias);
      difference = Math.max(difference, far);
    }
  }
  return { difference, tolerance: rounding * size };
}

export const fewestRows = 6;

/** [output, normalized]: the output is the normalised rows times a gain plus a bias, one of each a channel. */
export const isGained: Check = ([output, normalized], tolerance) => {
  if (output === undefined || normalized === undefined) return skipped('there is nothing to compare');
  const width = normalized.dims.at(-1) ?? 1;
  if (sameShape(output, normalized)) {
    if (output.data.length / width < fewestRows)
      return skipped('the probe has too few rows to fit gain and bias');
    const { difference, tolerance: limit } = gainAndBias(output.data, normalized.data, width, tolerance);
    return verdict(difference, limit);
  }
  return isPooled(output, normalized, tolerance);
};

/** The same for what a head reads: a head may transform what the final norm gives before its last projection. */
export const isGainedIfAlone: Check = (tensors, tolerance) => {
  const outcome = isGained(tensors, tolerance);
  return outcome.kind === 'fails' ? skipped('more than the final norm stands before the head') : outcome;
};

/** A head for whole inputs reads one position of each, [batch, width]. */
function isPooled(output: FloatTensor, normalized: FloatTensor, tolerance: Tolerance): Outcome {
  const [batch = 0, positions = 0, width = 1] = normalized.dims;
  if (shape(output) !== shape({ dims: [batch, width] })) return shapesDiffer(output, normalized);
  if (batch < fewestRows)
    return skipped('the head reads one position of each input, and the probe has too few inputs');
  for (const [name, at] of [
    ['first', 0],
    ['last', positions - 1],
  ] as const) {
    const rows = new Float32Array(batch * width);
    for (let row = 0; row < batch; row++) {
      const from = (row * positions + at) * width;
      rows.set(normalized.data.subarray(from, from + width), row * width);
    }
    const { difference, tolerance: limit } = gainAndBias(output.data, rows, width, tolerance);
    if (difference <= limit) return verdict(difference, limit, `the head reads the ${name} position`);
  }
  return skipped('the head reads neither the first nor the last position of the norm');
}

const shape = ({ dims }: { readonly dims: readonly number[] }): string => dims.join();

/**
 * [after, branch, normalized]: what a post-norm block adds a branch to is the norm of the sum before, so
 * after - branch is the normalised rows with gain and bias.
 */
export const addsToNorm: Check = ([after, branch, normalized], tolerance) => {
  if (after === undefined || branch === undefined || normalized === undefined)
    return skipped('there is nothing to compare');
  if (!sameShape(after, branch, normalized)) return shapesDiffer(after, branch, normalized);
  const rest = Float32Array.from(after.data, (value, at) => value - (branch.data[at] ?? Number.NaN));
  const width = after.dims.at(-1) ?? 1;
  if (rest.length / width < fewestRows) return skipped('the probe has too few rows to fit gain and bias');
  const { difference } = gainAndBias(rest, normalized.data, width, tolerance);
  // The subtraction rounds like its operands, not like its result.
  return verdict(difference, tolerance.rounding * Math.max(largest(after), largest(branch)));
};
