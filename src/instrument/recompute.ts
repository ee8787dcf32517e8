import type { Append } from './append.ts';
import type { Recipe } from './draft.ts';
import { lowest } from './masked.ts';

/** What an attention operator computes, told again in plain ops. Every recipe gives float32. */
export interface Parts {
  readonly heads: number;
  readonly kvHeads: number;
  /** As they are multiplied: [batch, head, position, size] and [batch, kvHead, key, size], cache included. */
  readonly queries: Recipe;
  readonly keys: Recipe;
  /** Factor on Q·K; 1/sqrt(size) where the operator does not say. */
  readonly scale: number;
  /** cap · tanh(scores / cap). */
  readonly cap?: number;
  /** Added to the scores, broadcast to [batch, head, position, key]. */
  readonly bias?: Recipe;
  /** True where a key is seen, broadcast to [batch, head, position, key]. */
  readonly visible?: Recipe;
  /** Logit per head, [head], of a key that is nowhere. */
  readonly sink?: Recipe;
}

const int64 = { type: 'int64' } as const;

/** One size of a tensor as a scalar. */
export function sizeOf(append: Append, tensor: string, axis: number): string {
  return sizeAt(append, tensor, append.int, axis);
}

/** One size of a tensor as a list of one. */
export function shapeOf(append: Append, tensor: string, axis: number): string {
  return sizeAt(append, tensor, append.ints, axis);
}

/** Asked of the input that has the size too, if there is one: then all layers ask the same, and share the answer. */
function sizeAt(append: Append, tensor: string, index: (axis: number) => string, axis: number): string {
  const alike = append.shapes.inputAlike(tensor, axis) ?? { tensor, axis };
  const shape = append.node('Shape', [alike.tensor], {}, int64);
  return append.node('Gather', [shape, index.call(append, alike.axis)], {}, int64);
}

/** [batch, row, heads·size] to [batch, head, row, size]. */
export function headsFirst(append: Append, tensor: string, heads: number, size: number): string {
  const split = append.node('Reshape', [tensor, append.ints(0, 0, heads, size)]);
  return append.turn(split, [0, 2, 1, 3]);
}

/** [from, to) of the last axis. */
export function sliceLast(append: Append, tensor: string, from: number, to: number): string {
  return append.node('Slice', [tensor, append.ints(from), append.ints(to), append.ints(-1)]);
}

/**
 * Keys at or before each query, [batch | 1, 1, position, key]. `positions` and `keys` are scalars; `start` is the place
 * of the first query among the keys: a scalar, or [batch, 1] for one each. `window` keeps only that many keys.
 */
export function causalMask(
  append: Append,
  positions: string,
  keys: string,
  start: string,
  window: number,
): string {
  const count = (size: string): string =>
    append.cast(append.node('Range', [append.int(0), size, append.int(1)], {}, int64), 'float');
  const first = append.node('Reshape', [append.cast(start, 'float'), append.ints(-1, 1)]);
  const places = append.node('Add', [first, count(positions)]);
  const rows = append.node('Reshape', [places, append.ints(0, 1, -1, 1)]);
  const columns = count(keys);
  const seen = append.node('LessOrEqual', [columns, rows], {}, { type: 'bool' });
  if (window <= 0) return seen;
  const from = append.node('Sub', [rows, append.float(window)]);
  return append.node('And', [seen, append.node('Greater', [columns, from], {}, { type: 'bool' })]);
}

/** [batch, head, position, key], scaled, capped, biased and masked. */
export function scores(append: Append, parts: Parts): string {
  const { heads, kvHeads, cap, bias, visible } = parts;
  const queries = parts.queries(append);
  const turned = append.turn(parts.keys(append), [0, 1, 3, 2]);
  const isGrouped = heads !== kvHeads;
  // The queries of one key head are stacked on the position axis: one product, no repeated keys.
  const stacked = isGrouped
    ? append.node('Reshape', [queries, foldedShape(append, queries, kvHeads)])
    : queries;
  const product = append.node('MatMul', [stacked, turned]);
  const unstacked = isGrouped ? append.node('Reshape', [product, append.ints(0, heads, -1, 0)]) : product;
  let out = append.node('Mul', [unstacked, append.float(parts.scale)]);
  if (cap !== undefined && cap > 0) {
    const small = append.node('Tanh', [append.node('Div', [out, append.float(cap)])]);
    out = append.node('Mul', [small, append.float(cap)]);
  }
  if (bias !== undefined) out = append.node('Add', [out, bias(append)]);
  if (visible !== undefined) {
    out = append.node('Where', [visible(append), out, append.float(lowest)], {}, { type: 'float' });
  }
  return out;
}

/** [0, kvHeads, -1, size]; the zero batch of an empty tensor is not our case. */
function foldedShape(append: Append, queries: string, kvHeads: number): string {
  const size = shapeOf(append, queries, 3);
  return append.node('Concat', [append.ints(0, kvHeads, -1), size], { axis: 0 }, int64);
}

/** Softmax of the scores; a sink takes its share and is cut off. */
export function pattern(append: Append, parts: Parts): string {
  const values = scores(append, parts);
  if (parts.sink === undefined) return append.node('Softmax', [values], { axis: -1 });
  const column = append.node('Reshape', [parts.sink(append), append.ints(1, parts.heads, 1, 1)]);
  const firstColumn = append.node('Slice', [values, append.ints(0), append.ints(1), append.ints(-1)]);
  const spread = append.node('Add', [append.node('Mul', [firstColumn, append.float(0)]), column]);
  const all = append.node('Softmax', [append.node('Concat', [values, spread], { axis: -1 })], { axis: -1 });
  return append.node('Slice', [all, append.ints(0), append.ints(-1), append.ints(-1)]);
}
