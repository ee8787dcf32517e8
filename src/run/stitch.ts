import type { Hook } from '../shared/hook.ts';
import { elementCount, type FloatTensor } from '../shared/tensor.ts';

/** What PyTorch writes where a score is masked: the lowest float32. */
const lowest = -3.4028234663852886e38;

type Dims = readonly number[];

const rowAxisOf = (hook: Hook): number =>
  hook.dims.findIndex((axis) => axis === 'query' || axis === 'position');

/** Dims of the joined tensor: rows add up, keys reach as far as the last step saw. */
export function stitchedDims(hook: Hook, parts: readonly Dims[]): Dims {
  const rowAxis = rowAxisOf(hook);
  const keyAxis = hook.dims.indexOf('key');
  const last = parts.at(-1) ?? [];
  if (rowAxis < 0) return last;
  return last.map((size, axis) => {
    if (axis === rowAxis) return parts.reduce((sum, dims) => sum + (dims[rowAxis] ?? 0), 0);
    return axis === keyAxis ? Math.max(...parts.map((dims) => dims[keyAxis] ?? 0)) : size;
  });
}

/**
 * Joins what a hook gave in each step of a generation into what one forward over the whole sequence gives.
 * Rows are joined along `query` or `position`; along `key` a step knows only its own past, so the later keys
 * of its rows are filled with what a causal mask puts there: probability 0, or the lowest score.
 */
export function stitch(hook: Hook, parts: readonly FloatTensor[]): FloatTensor {
  const rowAxis = rowAxisOf(hook);
  const last = parts.at(-1);
  if (last === undefined) throw new RangeError('There is nothing to stitch.');
  if (parts.length === 1 || rowAxis < 0) return last;
  const dims = stitchedDims(
    hook,
    parts.map((part) => part.dims),
  );
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
