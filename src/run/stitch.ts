import type { Hook } from '../shared/hook.ts';
import { elementCount, type FloatTensor } from '../shared/tensor.ts';

/** What PyTorch writes where a score is masked: the lowest float32. */
const lowest = -3.4028234663852886e38;

type Dims = readonly number[];

interface Axes {
  /** Along which steps add rows; -1 where there is nothing to join. */
  readonly row: number;
  /** Along which a step sees its whole past, when that is not the rows' own axis. */
  readonly key: number;
}

/**
 * Keys and values are labelled `key` too. A model that exposes them before the cache gives only the new ones in
 * each step; one that exposes the cache gives all, so that every part is longer than the one before.
 */
function axesOf(hook: Hook, parts: readonly Dims[]): Axes {
  const key = hook.dims.indexOf('key');
  const row = hook.dims.findIndex((axis) => axis === 'query' || axis === 'position');
  if (row >= 0 || key < 0) return { row, key };
  const grows = parts.every((dims, step) => step === 0 || (dims[key] ?? 0) > (parts[step - 1]?.[key] ?? 0));
  return { row: grows ? -1 : key, key: -1 };
}

/** Dims of the joined tensor: rows add up, keys reach as far as the last step saw. */
export function stitchedDims(hook: Hook, parts: readonly Dims[]): Dims {
  const axes = axesOf(hook, parts);
  const last = parts.at(-1) ?? [];
  if (axes.row < 0) return last;
  return last.map((size, axis) => {
    if (axis === axes.row) return parts.reduce((sum, dims) => sum + (dims[axis] ?? 0), 0);
    return axis === axes.key ? Math.max(...parts.map((dims) => dims[axis] ?? 0)) : size;
  });
}

/**
 * Joins what a hook gave in each step of a generation into what one forward over the whole sequence gives.
 * The later keys of a row, which its step had not seen, are filled with what a causal mask puts there:
 * probability 0, or the lowest score.
 */
export function stitch(hook: Hook, parts: readonly FloatTensor[]): FloatTensor {
  const last = parts.at(-1);
  if (last === undefined) throw new RangeError('There is nothing to stitch.');
  const sizes = parts.map((part) => part.dims);
  const { row: rowAxis } = axesOf(hook, sizes);
  if (parts.length === 1 || rowAxis < 0) return last;
  const dims = stitchedDims(hook, sizes);
  const data = new Float32Array(elementCount(dims));
  if (hook.name.endsWith('attn_scores')) data.fill(lowest);
  // Everything before the row axis is one block, everything after it one row.
  const blocks = elementCount(dims.slice(0, rowAxis));
  const rows = dims[rowAxis] ?? 0;
  const width = elementCount(dims.slice(rowAxis + 1));
  let done = 0;
  for (const part of parts) {
    const partRows = part.dims[rowAxis] ?? 0;
    const partWidth = elementCount(part.dims.slice(rowAxis + 1));
    for (let block = 0; block < blocks; block++) {
      for (let row = 0; row < partRows; row++) {
        const from = (block * partRows + row) * partWidth;
        data.set(part.data.subarray(from, from + partWidth), (block * rows + done + row) * width);
      }
    }
    done += partRows;
  }
  return { type: 'float32', dims, data };
}

/** Dims of what is left of a hook when only the first `tokens` count. */
export function cutDims(hook: Hook, dims: Dims, tokens: number): Dims {
  return dims.map((size, axis) => (isOfTokens(hook, axis) ? Math.min(size, tokens) : size));
}

/** The rows and keys of the first `tokens` tokens. */
export function cut(hook: Hook, tensor: FloatTensor, tokens: number): FloatTensor {
  const dims = cutDims(hook, tensor.dims, tokens);
  if (dims.every((size, axis) => size === tensor.dims[axis])) return tensor;
  const data = new Float32Array(elementCount(dims));
  const copy = (axis: number, from: number, to: number): void => {
    const size = dims[axis] ?? 1;
    if (axis === dims.length - 1) {
      data.set(tensor.data.subarray(from, from + size), to);
      return;
    }
    const fromStride = elementCount(tensor.dims.slice(axis + 1));
    const toStride = elementCount(dims.slice(axis + 1));
    for (let at = 0; at < size; at++) copy(axis + 1, from + at * fromStride, to + at * toStride);
  };
  copy(0, 0, 0);
  return { type: 'float32', dims, data };
}

/** An encoder's tokens, and the keys that cross-attention sees, are not those of the text that grows. */
function isOfTokens({ name, dims }: Hook, axis: number): boolean {
  if (name.startsWith('encoder.')) return false;
  const label = dims[axis];
  return label === 'query' || label === 'position' || (label === 'key' && !name.includes('.cross_attn.'));
}
