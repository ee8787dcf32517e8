import type { FloatTensor } from '../shared/tensor.ts';
import { type Check, shapesDiffer, skipped, verdict } from './identity.ts';

/** Of the output's columns, this many are looked at. */
const columnsSeen = 32;
/** More rows than unknowns, or everything would look linear. */
const spare = 1.2;
/** Above this width a fit costs too much: such maps are shown by feeding values back. */
const widest = 512;

/** How many rows of `width` numbers a probe needs so that a linear map of them can be told from any other. */
export const rowsFor = (width: number): number | undefined =>
  width <= widest ? Math.ceil((width + 1) * spare) : undefined;

/**
 * Columns of x [row, width], and a column of ones unless it is `without`, made orthonormal (modified Gram-Schmidt,
 * twice).
 */
export function orthonormal(
  x: ArrayLike<number>,
  rows: number,
  width: number,
  ones: 'with ones' | 'without' = 'with ones',
): Float64Array[] {
  const basis: Float64Array[] = [];
  for (let column = ones === 'without' ? 0 : -1; column < width; column++) {
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
  if (needed === undefined || from.rows < needed)
    return skipped(`the probe has ${from.rows} rows, too few to fit a map of ${from.width} numbers`);
  const basis = orthonormal(input.data, from.rows, from.width);
  const stride = Math.max(1, Math.floor(to.width / columnsSeen));
  const columns: Float64Array[] = [];
  for (let column = 0; column < to.width; column += stride)
    columns.push(
      Float64Array.from({ length: to.rows }, (_, row) => output.data[row * to.width + column] ?? Number.NaN),
    );
  const plain = verdict(worstLeftOver(columns, basis), tolerance.unexplained);
  if (plain.kind === 'holds' || columns.some((column) => column.some(Number.isNaN))) return plain;
  const capped = verdict(underCap(columns, basis), tolerance.unexplained, 'under a soft cap');
  if (capped.kind === 'holds') return capped;
  return isNormOfRows(output.data, to.rows, to.width, tolerance.unexplained)
    ? skipped('a norm stands between: every row of it has one size')
    : plain;
};

/** What the directions leave of each column, relative to its spread; the largest. */
function worstLeftOver(columns: readonly Float64Array[], basis: readonly Float64Array[]): number {
  return columns.reduce((worst, column) => Math.max(worst, leftOver(column, basis)), 0);
}

export function leftOver(column: Float64Array, basis: readonly Float64Array[]): number {
  const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
  const spread = Math.hypot(...column.map((value) => value - mean));
  // A constant column is explained by its mean.
  if (spread === 0) return 0;
  const rest = column.slice();
  for (const direction of basis) remove(rest, direction);
  return Math.hypot(...rest) / spread;
}

/** output = cap · tanh(linear / cap), as some heads have it: turned back with the cap that leaves least over. */
function underCap(columns: readonly Float64Array[], basis: readonly Float64Array[]): number {
  return underAnyCap(columns, (turned) => worstLeftOver(turned, basis));
}

/** What `cost` is of the columns turned back from under the soft cap for which it is least. */
export function underAnyCap<Column extends Float32Array | Float64Array>(
  columns: readonly Column[],
  cost: (columns: readonly Column[]) => number,
): number {
  let top = 0;
  for (const column of columns) for (const value of column) top = Math.max(top, Math.abs(value));
  const turned = (cap: number, some: readonly Column[]): number =>
    cost(some.map((column) => column.map((value) => cap * Math.atanh(value / cap)) as Column));
  const cap = leastBetween(top * 1.0001, top * 100, (each) => turned(each, columns.slice(0, 4)));
  return turned(cap, columns);
}

/** Where `cost` is least, by narrowing down on a logarithmic scale. */
export function leastBetween(from: number, to: number, cost: (at: number) => number): number {
  let [low, high] = [Math.log(from), Math.log(to)];
  for (let step = 0; step < 40; step++) {
    const [a, b] = [low + (high - low) * 0.382, low + (high - low) * 0.618];
    if (cost(Math.exp(a)) < cost(Math.exp(b))) high = b;
    else low = a;
  }
  return Math.exp((low + high) / 2);
}

/**
 * RMSNorm with a gain: the squares of a row, each divided by its channel's squared gain, add up to the width. So one
 * combination of the squared columns is the same in every row, whatever the gain.
 */
function isNormOfRows(data: Float32Array, rows: number, width: number, limit: number): boolean {
  if (rows < (width + 1) * spare) return false;
  const squares = Array.from(data, (value) => value * value);
  const basis = orthonormal(squares, rows, width, 'without');
  const ones = new Float64Array(rows).fill(1);
  for (const direction of basis) remove(ones, direction);
  return Math.hypot(...ones) / Math.sqrt(rows) <= limit;
}
