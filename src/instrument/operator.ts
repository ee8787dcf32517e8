import type { Append } from './append.ts';
import type { Side } from './attention.ts';
import { whole } from './axes.ts';
import type { Keyed, Recipe } from './draft.ts';
import { derived } from './found.ts';
import type { Placed } from './layout.ts';
import type { Dim, Node } from './onnx.ts';
import { causalMask, type Parts, shapeOf, sizeOf } from './recompute.ts';
import type { View } from './view.ts';

/** What the four operators have in common once their inputs are read. */
export interface Operator {
  readonly parts: Parts;
  readonly dHead: number;
  readonly causal: boolean;
  readonly q: Side;
  readonly k: Side;
  readonly v: Side;
  readonly queryOperand: string;
  readonly keyOperand: string;
  /** Layout of the output: folded [batch, position, head·size] or [batch, head, position, size]. */
  readonly isHeadsFirst: boolean;
  /** Where the pattern follows from queries and keys alone. */
  readonly keyed?: Keyed;
}

export const numeric = (dim: Dim | undefined): number | undefined =>
  typeof dim === 'number' ? dim : undefined;

export const input = (node: Node, at: number): string => node.inputs[at] ?? '';

/** [batch, row, head·size] to the hook's [batch, row, head, size]. */
export const unfold = (append: Append, tensor: string, heads: number, size: number): string =>
  append.node('Reshape', [tensor, append.ints(0, 0, heads, size)]);

/** A [batch, row, head·size] tensor as an operand whose origin can be followed. */
export function folded(
  view: View,
  tensor: string,
  heads: number,
  size: number,
  row: 'position' | 'key',
): Placed {
  const dims = view.shapes.dims(tensor);
  const [batch, position] = whole(
    { label: 'batch', size: dims?.[0] ?? 'batch' },
    { label: row, size: dims?.[1] ?? row },
  );
  return {
    tensor,
    axes: [
      batch ?? [],
      position ?? [],
      [
        { label: 'head', size: heads },
        { label: 'size', size },
      ],
    ],
  };
}

/** A projection whose bias, or whose cut from a packed tensor, is inside the operator. */
export const inside = (
  from: readonly string[],
  how: string,
  recipe: Recipe,
  source: string | undefined,
): Side => ({
  projected: derived(from, how, recipe),
  rotated: undefined,
  past: undefined,
  source,
});

/** Queries stand at the end of the keys. */
export const afterPast =
  (queries: Recipe, keys: Recipe): Recipe =>
  (append) => {
    const [positions, count] = [sizeOf(append, queries(append), 2), sizeOf(append, keys(append), 2)];
    const start = append.node('Sub', [count, positions], {}, { type: 'int64' });
    return causalMask(append, positions, count, start, 0);
  };

export function biasOf(biases: readonly (Recipe | undefined)[]): { bias?: Recipe } {
  const present = biases.filter((bias) => bias !== undefined);
  const [first, ...rest] = present;
  if (first === undefined) return {};
  return {
    bias: (append) => rest.reduce((sum, bias) => append.node('Add', [sum, bias(append)]), first(append)),
  };
}

/**
 * The masks of com.microsoft Attention and MultiHeadAttention as what they add: `filter` where a key is masked.
 * [batch] holds how many keys of a row are real; [batch, key] and [batch, position, key] hold 0 where masked.
 */
export function maskBias(
  dims: readonly Dim[] | undefined,
  mask: string,
  keys: Recipe,
  filter: number,
): Recipe | undefined {
  if (mask === '' || dims === undefined) return undefined;
  return (append) => {
    let seen: string;
    if (dims.length === 1) {
      const count = append.node('Reshape', [append.cast(mask, 'float'), append.ints(-1, 1, 1, 1)]);
      const range = append.node(
        'Range',
        [append.int(0), sizeOf(append, keys(append), 2), append.int(1)],
        {},
        { type: 'int64' },
      );
      seen = append.node('Less', [append.cast(range, 'float'), count], {}, { type: 'bool' });
    } else {
      const flags = append.node(
        'Greater',
        [append.cast(mask, 'float'), append.float(0)],
        {},
        { type: 'bool' },
      );
      if (dims.length === 4) seen = flags;
      else {
        const parts = [shapeOf(append, mask, 0), append.ints(1)];
        parts.push(dims.length === 3 ? shapeOf(append, mask, 1) : append.ints(1), append.ints(-1));
        seen = append.node('Reshape', [flags, append.node('Concat', parts, { axis: 0 }, { type: 'int64' })]);
      }
    }
    return append.node('Where', [seen, append.float(0), append.float(filter)], {}, { type: 'float' });
  };
}
