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
  const shape = append.node('Shape', [tensor], {}, int64);
  return append.node('Gather', [shape, append.int(axis)], {}, int64);
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
 * Keys at or before each query, [batch | 1, 1, position, key]. `start` is the place of the first query among the
 * keys: a scalar, or [batch, 1] for one each. `window` keeps only that many keys.
 */
export function causalMask(
  append: Append,
  queries: string,
  keys: string,
  start: string,
  window: number,
): string {
  const zero = append.int(0);
  const one = append.int(1);
  const count = (tensor: string): string => {
    const range = append.node('Range', [zero, sizeOf(append, tensor, 2), one], {}, int64);
    return append.cast(range, 'float');
  };
  const first = append.cast(start, 'float');
  const places = append.node('Add', [first, count(queries)]);
  const rows = append.node('Reshape', [places, append.ints(-1, 1, 1)]);
  const perBatch = append.node('Reshape', [
    rows,
    append.node(
      'Concat',
      [append.ints(-1, 1), shapeOf(append, queries, 2), append.ints(1)],
      { axis: 0 },
      int64,
    ),
  ]);
  const columns = count(keys);
  const seen = append.node('LessOrEqual', [columns, perBatch], {}, { type: 'bool' });
  if (window <= 0) return seen;
  const from = append.node('Sub', [perBatch, append.float(window)]);
  return append.node('And', [seen, append.node('Greater', [columns, from], {}, { type: 'bool' })]);
}

/** One size of a tensor as a list of one. */
export function shapeOf(append: Append, tensor: string, axis: number): string {
  return append.node('Gather', [append.node('Shape', [tensor], {}, int64), append.ints(axis)], {}, int64);
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

/** Halves (x1, x2) to (x1·cos - x2·sin, x2·cos + x1·sin); interleaved, neighbours are the halves. */
export function rotate(
  append: Append,
  input: string,
  cos: string,
  sin: string,
  width: number,
  size: number,
  isInterleaved: boolean,
): string {
  const turning = width < size ? sliceLast(append, input, 0, width) : input;
  let x1: string;
  let x2: string;
  if (isInterleaved) {
    const pairs = append.node('Reshape', [turning, append.ints(0, 0, -1, width / 2, 2)]);
    const pick = (at: number): string => append.node('Gather', [pairs, append.int(at)], { axis: 4 });
    x1 = pick(0);
    x2 = pick(1);
  } else {
    x1 = sliceLast(append, turning, 0, width / 2);
    x2 = sliceLast(append, turning, width / 2, width);
  }
  const times = (a: string, b: string): string => append.node('Mul', [a, b]);
  const left = append.node('Sub', [times(x1, cos), times(x2, sin)]);
  const right = append.node('Add', [times(x2, cos), times(x1, sin)]);
  let turned: string;
  if (isInterleaved) {
    const column = (half: string): string =>
      append.node('Reshape', [half, append.ints(0, 0, -1, width / 2, 1)]);
    const pairs = append.node('Concat', [column(left), column(right)], { axis: 4 });
    turned = append.node('Reshape', [pairs, append.ints(0, 0, -1, width)]);
  } else turned = append.node('Concat', [left, right], { axis: -1 });
  return width < size
    ? append.node('Concat', [turned, sliceLast(append, input, width, size)], { axis: -1 })
    : turned;
}
