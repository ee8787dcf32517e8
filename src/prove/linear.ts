import type { FloatTensor } from '../shared/tensor.ts';
import { type Check, shapesDiffer, skipped, verdict } from './identity.ts';

/** Of the output's columns, this many are looked at. */
const columnsSeen = 32;
/** More rows than unknowns, or everything would look linear. */
const spare = 1.2;
/** Above this width the fit costs more than it is worth. */
const widest = 512;

/** How many rows of `width` numbers a probe needs so that a linear map of them can be told from any other. */
export const rowsFor = (width: number): number | undefined =>
  width <= widest ? Math.ceil((width + 1) * spare) : undefined;

/** Columns of x and a column of ones, made orthonormal (modified Gram-Schmidt, twice). */
function orthonormal(x: Float32Array, rows: number, width: number): Float64Array[] {
  const basis: Float64Array[] = [];
  for (let column = -1; column < width; column++) {
    const vector = Float64Array.from({ length: rows }, (_, row) =>
      column < 0 ? 1 : (x[row * width + column] ?? Number.NaN),
    );
    const before = Math.hypot(...vector);
    for (let pass = 0; pass < 2; pass++) for (const known of basis) remove(vector, known);
    const length = Math.hypot(...vector);
    // A column that the ones before it explain adds nothing.
    if (!(length > before * 1e-7)) continue;
    basis.push(vector.map((value) => value / length));
  }
  return basis;
}

function remove(vector: Float64Array, direction: Float64Array): void {
  let along = 0;
  for (let row = 0; row < vector.length; row++) along += (vector[row] ?? 0) * (direction[row] ?? 0);
  for (let row = 0; row < vector.length; row++)
    vector[row] = (vector[row] ?? 0) - along * (direction[row] ?? 0);
}

/** [batch, position, ...rest] as rows of numbers. */
const rowsOf = ({ dims, data }: FloatTensor, leading: number): { rows: number; width: number } => {
  const rows = dims.slice(0, leading).reduce((product, size) => product * size, 1);
  return { rows, width: rows === 0 ? 0 : data.length / rows };
};

/**
 * [output, input]: every column of the output is one linear combination of the input's columns plus a constant, in
 * every row. No weight is needed: with more rows than columns, only a linear map leaves nothing over.
 */
export const isLinear: Check = ([output, input], tolerance) => {
  if (output === undefined || input === undefined) return skipped('there is nothing to compare');
  // Rows are [batch, position], or [batch] behind a head that pools.
  const leading = output.dims.length === 2 && input.dims.length === 2 ? 1 : 2;
  const from = rowsOf(input, leading);
  const to = rowsOf(output, leading);
  if (from.rows !== to.rows) return shapesDiffer(output, input);
  const needed = rowsFor(from.width);
  if (needed === undefined) return skipped(`its input is ${from.width} wide; at most ${widest} are fitted`);
  if (from.rows < needed) return skipped(`the probe has ${from.rows} rows of the ${needed} that a fit needs`);
  const basis = orthonormal(input.data, from.rows, from.width);
  const stride = Math.max(1, Math.floor(to.width / columnsSeen));
  let worst = 0;
  for (let column = 0; column < to.width; column += stride) {
    const values = Float64Array.from(
      { length: to.rows },
      (_, row) => output.data[row * to.width + column] ?? Number.NaN,
    );
    const mean = values.reduce((sum, value) => sum + value, 0) / to.rows;
    const spread = Math.hypot(...values.map((value) => value - mean));
    for (const direction of basis) remove(values, direction);
    // A constant column is explained by its mean.
    const left = spread === 0 ? 0 : Math.hypot(...values) / spread;
    worst = Math.max(worst, left);
  }
  return verdict(worst, tolerance.unexplained);
};
