import { multiply } from './dim.ts';
import { intOf, intsOf } from './graph.ts';
import type { Dim, Node } from './onnx.ts';

/** A meaning with a size: what a tensor's axis, or a part of it, stands for. */
export interface Atom {
  readonly label: 'batch' | 'position' | 'key' | 'head' | 'group' | 'size' | 'model' | 'one';
  readonly size: Dim;
}

/** The meaning of each axis of a tensor; [head, size] in one axis is a folded axis of head·size elements. */
export type Axes = readonly (readonly Atom[])[];

export const whole = (...atoms: readonly Atom[]): Axes => atoms.map((atom) => [atom]);

/**
 * Given what the axes of a Reshape's output mean, what do those of its input mean? The order of the elements is the
 * same, so atoms are dealt out again: joined where an input axis is larger, split where it is smaller.
 */
function regroup(axes: Axes, dims: readonly Dim[]): Axes | undefined {
  const rest = axes.flat().filter((atom) => atom.size !== 1 && atom.label !== 'one');
  const ones = axes.flat().filter((atom) => atom.size === 1 && atom.label !== 'one');
  const out: Atom[][] = [];
  for (const dim of dims) {
    if (dim === 1) {
      out.push([ones.shift() ?? { label: 'one', size: 1 }]);
      continue;
    }
    const group: Atom[] = [];
    let size: Dim = 1;
    while (size !== dim) {
      const next = rest.shift();
      if (next === undefined) return undefined;
      const grown = multiply(size, next.size);
      if (typeof grown === 'number' && typeof dim === 'number' && grown > dim) {
        // A head axis of 4 over an input axis of 2 is 2 key heads with a group of 2 queries each.
        const taken = dim / (typeof size === 'number' ? size : 1);
        if (!Number.isInteger(taken) || typeof next.size !== 'number' || next.size % taken !== 0)
          return undefined;
        group.push({ label: next.label, size: taken });
        rest.unshift({ label: next.label === 'head' ? 'group' : next.label, size: next.size / taken });
        size = dim;
      } else {
        group.push(next);
        size = grown;
      }
    }
    out.push(group);
  }
  return rest.length === 0 ? out : undefined;
}

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/**
 * The meaning of the axes of a layout op's first input, from that of its output; undefined if `node` is more than a
 * change of layout or the sizes do not tell.
 */
export function axesBefore(
  node: Node,
  axes: Axes,
  dims: readonly Dim[] | undefined,
  listedAxes: readonly number[] | undefined,
): Axes | undefined {
  switch (node.op) {
    case 'Identity':
    case 'Cast':
    case 'Dropout':
      return axes;
    case 'Transpose': {
      const perm = intsOf(node, 'perm') ?? axes.map((_, axis) => axes.length - 1 - axis);
      const before: (readonly Atom[])[] = Array.from({ length: axes.length }, () => []);
      for (const [to, from] of perm.entries()) before[from] = axes[to] ?? [];
      return before;
    }
    case 'Reshape':
    case 'Flatten':
      return dims === undefined ? undefined : regroup(axes, dims);
    case 'Unsqueeze': {
      const gone = new Set((listedAxes ?? []).map((axis) => axisOf(axis, axes.length)));
      return axes.filter((_, axis) => !gone.has(axis));
    }
    case 'Squeeze': {
      if (dims === undefined) return undefined;
      const added = new Set((listedAxes ?? []).map((axis) => axisOf(axis, dims.length)));
      const rest = [...axes];
      return dims.map((_, axis) => (added.has(axis) ? [{ label: 'one', size: 1 }] : (rest.shift() ?? [])));
    }
    case 'Expand': {
      // Repeating a key head for its group of queries: the repeated axis is no part of the source.
      if (dims === undefined) return undefined;
      const shift = axes.length - dims.length;
      return dims.map((size, axis) => {
        const atoms = axes[axis + shift] ?? [];
        if (size !== 1 || atoms.every((atom) => atom.size === 1)) return atoms;
        // One key head for all queries is still a head; a repeated group is nothing.
        return [{ label: atoms[0]?.label === 'head' ? 'head' : 'one', size: 1 }];
      });
    }
    default:
      return undefined;
  }
}

export const axisAttribute = (node: Node): number => intOf(node, 'axis') ?? 0;
