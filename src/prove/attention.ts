import type { Outcome } from '../shared/proof.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { type Check, fails, largest, sameShape, shapesDiffer, skipped, verdict } from './identity.ts';
import { leastBetween, leftOver, orthonormal, rowsFor } from './linear.ts';

/** Scores at or below this are masked: masks write -1e4 (BERT's exports), the lowest half or the lowest float. */
const masked = -5_000;

/** [pattern]: every row sums to 1, or to less where a sink takes the rest. */
export const rowsSumToOne: Check = ([pattern], { rounding }) => {
  if (pattern === undefined) return skipped('there is nothing to add up');
  const keys = pattern.dims.at(-1) ?? 1;
  let [above, least] = [0, 1];
  for (let row = 0; row * keys < pattern.data.length; row++) {
    let sum = 0;
    for (const value of pattern.data.subarray(row * keys, (row + 1) * keys)) {
      if (!(value >= -rounding)) return fails('a probability is negative or no number');
      sum += value;
    }
    above = Math.max(above, sum - 1);
    least = Math.min(least, sum);
  }
  const limit = rounding * 10;
  if (1 - least <= limit) return verdict(Math.max(above, 1 - least), limit);
  return verdict(above, limit, `at most 1, least ${least.toPrecision(4)}: a sink takes the rest`);
};

/**
 * [pattern, scores]: softmax. What a sink takes of a row is exp(sink) beside the row's own exponentials, with one
 * sink a head: it is found from one row and must explain every other.
 */
export const isSoftmax: Check = ([pattern, scores], { rounding }) => {
  if (pattern === undefined || scores === undefined) return skipped('there is nothing to compare');
  if (!sameShape(pattern, scores)) return shapesDiffer(pattern, scores);
  const keys = pattern.dims.at(-1) ?? 1;
  const queries = pattern.dims.at(-2) ?? 1;
  const heads = pattern.dims.at(-3) ?? 1;
  const sinks = new Map<number, number>();
  let [difference, size] = [0, 1];
  for (let row = 0; row * keys < pattern.data.length; row++) {
    const values = scores.data.subarray(row * keys, (row + 1) * keys);
    const shares = pattern.data.subarray(row * keys, (row + 1) * keys);
    const top = values.reduce((found, value) => Math.max(found, value), Number.NEGATIVE_INFINITY);
    // A row that sees nothing is 0 in some exports and uniform in others; no claim is made about it.
    if (top <= masked) continue;
    const weights = Array.from(values, (value) => Math.exp(value - top));
    const own = weights.reduce((sum, weight) => sum + weight, 0);
    const kept = shares.reduce((sum, share) => sum + share, 0);
    const head = Math.floor(row / queries) % heads;
    const known = sinks.get(head);
    const sink =
      known ?? (1 - kept > rounding * 10 ? top + Math.log(own * (1 / kept - 1)) : Number.NEGATIVE_INFINITY);
    sinks.set(head, sink);
    const whole = own + Math.exp(sink - top);
    for (const [at, share] of shares.entries()) {
      const far = Math.abs(share - (weights[at] ?? Number.NaN) / whole);
      difference = Math.max(difference, far);
    }
    for (const value of values) if (value > masked) size = Math.max(size, Math.abs(value));
  }
  const hasSink = [...sinks.values()].some((sink) => sink > Number.NEGATIVE_INFINITY);
  return verdict(difference, rounding * size, hasSink ? 'with one sink logit a head' : undefined);
};

/**
 * The columns of the keys that were fed; a cache of a fixed number of places has more, which a mask must hide.
 * Undefined where a hidden one takes part.
 */
function fedKeys(
  tensor: FloatTensor,
  keys: number,
  isHidden: (value: number) => boolean,
): FloatTensor | undefined {
  const width = tensor.dims.at(-1) ?? 0;
  if (width <= keys) return tensor;
  if (!tensor.data.every((value, at) => at % width < keys || isHidden(value))) return undefined;
  const data = tensor.data.filter((_, at) => at % width < keys);
  return { ...tensor, dims: [...tensor.dims.slice(0, -1), keys], data };
}

/** [z, pattern, v]: each head's weighted sum of its values; several heads may share one value head. */
export const isWeightedSum: Check = ([z, shares, v], { rounding }) => {
  if (z === undefined || shares === undefined || v === undefined)
    return skipped('there is nothing to compare');
  const [batch = 0, queries = 0, heads = 0, size = 0] = z.dims;
  const [, keys = 0, groups = 1] = v.dims;
  const pattern = fedKeys(shares, keys, (value) => Math.abs(value) <= rounding);
  if (pattern === undefined) return shapesDiffer(z, shares, v);
  const fits =
    shape(pattern) === `${batch},${heads},${queries},${keys}` &&
    shape(v) === `${batch},${keys},${groups},${size}` &&
    heads % groups === 0;
  if (!fits) return shapesDiffer(z, pattern, v);
  const shared = heads / groups;
  let difference = 0;
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let q = 0; q < queries; q++) {
        const row = ((b * heads + h) * queries + q) * keys;
        for (let e = 0; e < size; e++) {
          let sum = 0;
          for (let k = 0; k < keys; k++) {
            const value = v.data[((b * keys + k) * groups + Math.floor(h / shared)) * size + e] ?? Number.NaN;
            sum += (pattern.data[row + k] ?? Number.NaN) * value;
          }
          const far = Math.abs(sum - (z.data[((b * queries + q) * heads + h) * size + e] ?? Number.NaN));
          difference = Math.max(difference, far);
        }
      }
  return verdict(difference, rounding * largest(v));
};

const shape = ({ dims }: FloatTensor): string => dims.join();

/** Products q·k of one head that no mask hides, beside the scores the graph has there. */
interface Pairs {
  readonly products: Float64Array;
  readonly scores: Float64Array;
  /** Largest sum of |q||k|: what rounding of a product is relative to. */
  readonly size: number;
}

function pairsOf(
  q: FloatTensor,
  k: FloatTensor,
  scores: FloatTensor,
  head: number,
  rows: readonly number[],
): Pairs {
  const [, queries = 0, heads = 1, width = 0] = q.dims;
  const [, keys = 0, groups = 1] = k.dims;
  const group = Math.floor(head / (heads / groups));
  const products: number[] = [];
  const seen: number[] = [];
  let size = 0;
  for (const b of rows)
    for (let i = 0; i < queries; i++)
      for (let j = 0; j < keys; j++) {
        const score = scores.data[((b * heads + head) * queries + i) * keys + j] ?? Number.NaN;
        if (score <= masked) continue;
        let [product, sum] = [0, 0];
        for (let e = 0; e < width; e++) {
          const term =
            (q.data[((b * queries + i) * heads + head) * width + e] ?? Number.NaN) *
            (k.data[((b * keys + j) * groups + group) * width + e] ?? Number.NaN);
          product += term;
          sum += Math.abs(term);
        }
        products.push(product);
        seen.push(score);
        size = Math.max(size, sum);
      }
  return { products: Float64Array.from(products), scores: Float64Array.from(seen), size };
}

/** Least squares of scores = factor · product, and the largest distance from it. */
function proportion({ products, scores, size }: Pairs): { difference: number; size: number } {
  let [xx, xy] = [0, 0];
  for (const [at, x] of products.entries()) {
    xx += x * x;
    xy += x * (scores[at] ?? Number.NaN);
  }
  const factor = xx === 0 ? 0 : xy / xx;
  let difference = 0;
  for (const [at, x] of products.entries()) {
    const far = Math.abs((scores[at] ?? Number.NaN) - factor * x);
    difference = Math.max(difference, far);
  }
  return { difference, size: size * Math.abs(factor) };
}

/** What an input adds over another one: a bias that is the same for both is gone. */
const minus = (a: Pairs, b: Pairs): Pairs => ({
  products: a.products.map((value, at) => value - (b.products[at] ?? Number.NaN)),
  scores: a.scores.map((value, at) => value - (b.scores[at] ?? Number.NaN)),
  size: a.size + b.size,
});

/** score = cap · tanh(raw / cap) turned back, for the cap that makes it most nearly proportional to q·k. */
function uncapped(pairs: Pairs): ReturnType<typeof proportion> {
  const top = pairs.scores.reduce((found, value) => Math.max(found, Math.abs(value)), 0);
  const at = (cap: number) =>
    proportion({ ...pairs, scores: pairs.scores.map((score) => cap * Math.atanh(score / cap)) });
  return at(leastBetween(top * 1.001, top * 100, (cap) => at(cap).difference));
}

/**
 * Disentangled attention adds to q·k what the query says about a distance and what the distance says about the key:
 * at one distance, a linear map of q and one of k. What a fit of both and of q·k leaves over; undefined where the
 * probe has too few pairs.
 */
function besideDistance(scores: FloatTensor, q: FloatTensor, k: FloatTensor): number | undefined {
  const [batch = 0, queries = 0, heads = 1, size = 0] = q.dims;
  const [, keys = 0, groups = 1] = k.dims;
  const width = 2 * size + 1;
  let worst: number | undefined;
  for (let head = 0; head < heads; head++)
    for (const distance of [0, 1]) {
      const rows: number[] = [];
      const seen: number[] = [];
      for (let b = 0; b < batch; b++)
        for (let i = distance; i < queries && i - distance < keys; i++) {
          const j = i - distance;
          const query = ((b * queries + i) * heads + head) * size;
          const key = ((b * keys + j) * groups + Math.floor(head / (heads / groups))) * size;
          const [left, right] = [q.data.subarray(query, query + size), k.data.subarray(key, key + size)];
          rows.push(
            left.reduce((sum, value, at) => sum + value * (right[at] ?? Number.NaN), 0),
            ...left,
            ...right,
          );
          seen.push(scores.data[((b * heads + head) * queries + i) * keys + j] ?? Number.NaN);
        }
      if (seen.length < (rowsFor(width) ?? Number.POSITIVE_INFINITY)) continue;
      worst = Math.max(worst ?? 0, leftOver(Float64Array.from(seen), orthonormal(rows, seen.length, width)));
    }
  return worst;
}

/** [scores, q, k]: each head's scores are q·k times one factor, up to a bias that no input changes or a soft cap. */
export const isScaledProduct: Check = ([all, q, k], { rounding, unexplained }) => {
  if (all === undefined || q === undefined || k === undefined) return skipped('there is nothing to compare');
  const [batch = 0, queries = 0, heads = 0, width = 0] = q.dims;
  const [, keys = 0, groups = 1] = k.dims;
  const scores = fedKeys(all, keys, (value) => value <= masked);
  if (scores === undefined) return shapesDiffer(all, q, k);
  const fits =
    shape(scores) === `${batch},${heads},${queries},${keys}` &&
    shape(k) === `${batch},${keys},${groups},${width}` &&
    heads % groups === 0;
  if (!fits) return shapesDiffer(scores, q, k);
  const every = Array.from({ length: batch }, (_, b) => b);
  const kinds: Record<
    'plain' | 'biased' | 'capped',
    (head: number) => ReturnType<typeof proportion> | undefined
  > = {
    plain: (head) => proportion(pairsOf(q, k, scores, head, every)),
    biased: (head) => {
      const [first, second] = [pairsOf(q, k, scores, head, [0]), pairsOf(q, k, scores, head, [1])];
      return batch > 1 && first.products.length === second.products.length
        ? proportion(minus(first, second))
        : undefined;
    },
    capped: (head) => uncapped(pairsOf(q, k, scores, head, every)),
  };
  const notes = {
    plain: undefined,
    biased: 'beside a bias that no input changes',
    capped: 'under a soft cap',
  };
  let nearest: Outcome | undefined;
  for (const kind of ['plain', 'biased', 'capped'] as const) {
    let [difference, size] = [0, 0];
    for (let head = 0; head < heads; head++) {
      const found = kinds[kind](head);
      if (found === undefined || Number.isNaN(found.difference)) difference = Number.POSITIVE_INFINITY;
      else {
        difference = Math.max(difference, found.difference);
        size = Math.max(size, found.size);
      }
    }
    const outcome = verdict(difference, rounding * size, notes[kind]);
    if (outcome.kind === 'holds') return outcome;
    nearest ??= outcome;
  }
  const left = besideDistance(scores, q, k);
  if (left !== undefined && left <= unexplained)
    return verdict(left, unexplained, 'beside terms of content and distance');
  if (batch < 2) return skipped('scores may hold a bias too, and the probe has one input only');
  return nearest ?? skipped('there is nothing to compare');
};

/** [rotated, plain]: rotary embedding turns pairs of channels, so each head's vector keeps its length. */
export const keepsLength: Check = ([rotated, plain], { rounding }) => {
  if (rotated === undefined || plain === undefined) return skipped('there is nothing to compare');
  if (!sameShape(rotated, plain)) return shapesDiffer(rotated, plain);
  const width = plain.dims.at(-1) ?? 1;
  const length = (data: Float32Array, row: number): number =>
    Math.hypot(...data.subarray(row * width, (row + 1) * width));
  let [difference, size] = [0, 0];
  for (let row = 0; row * width < plain.data.length; row++) {
    size = Math.max(size, length(plain.data, row));
    const far = Math.abs(length(rotated.data, row) - length(plain.data, row));
    difference = Math.max(difference, far);
  }
  const outcome = verdict(difference, rounding * size);
  return outcome.kind === 'holds'
    ? outcome
    : skipped('more than a rotation stands between: a norm or a factor');
};
