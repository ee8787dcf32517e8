import { type Append, impossible } from './append.ts';
import type { Atom, Axes } from './axes.ts';

/** A tensor of the graph together with what its axes mean. */
export interface Placed {
  readonly tensor: string;
  readonly axes: Axes;
  /** A tensor whose first two sizes are batch and position, where `axes` folds the two into one. */
  readonly leading?: string;
}

/** Order of a hook's axes. */
export type Order = readonly Atom['label'][];

/** A size of a shape to be: known, or read at run time from an axis of a tensor. */
type Size = number | { readonly tensor: string; readonly axis: number };

const isPresent = (atom: Atom): boolean => atom.label !== 'one';

/** Can the tensor be laid out without looking at another tensor's shape? */
export function isPlaceable({ axes }: Placed): boolean {
  return axes.every((axis) => axis.filter((atom) => typeof atom.size === 'string').length <= 1);
}

/** The shape tensor for a Reshape; a constant where nothing has to be read. */
function shapeTensor(append: Append, sizes: readonly Size[]): string {
  if (sizes.every((size) => typeof size === 'number')) return append.ints(...sizes);
  const parts = sizes.map((size) => {
    if (typeof size === 'number') return append.ints(size);
    const shape = append.node('Shape', [size.tensor], {}, { type: 'int64' });
    return append.node('Gather', [shape, append.ints(size.axis)]);
  });
  return append.node('Concat', parts, { axis: 0 }, { type: 'int64' });
}

/** One size for each atom: 0 copies, -1 is what is left over, anything else is read. */
function unfoldedSizes({ tensor, axes, leading }: Placed): Size[] {
  const sizes: Size[] = [];
  let isOpen = false;
  for (const [axis, atoms] of axes.entries()) {
    const present = atoms.filter(isPresent);
    for (const [part, atom] of present.entries()) {
      if (present.length === 1 && sizes.length === axis) sizes.push(0);
      else if (typeof atom.size === 'number') sizes.push(atom.size);
      else if (present.length === 1) sizes.push({ tensor, axis });
      else if (leading !== undefined) sizes.push({ tensor: leading, axis: part });
      else if (isOpen) throw impossible(`two sizes of ${tensor} are unknown`);
      else {
        sizes.push(-1);
        isOpen = true;
      }
    }
  }
  return sizes;
}

const isFolded = (axes: Axes): boolean =>
  axes.some(([only, second]) => second !== undefined || only?.label === 'one' || only === undefined);

/**
 * The axes that the tensor has of those wanted. Where query heads are grouped by key head, the group is an axis of
 * its own until it is folded into the heads; an axis of one may be no axis at all.
 */
const ownOrder = (order: Order, atoms: readonly Atom[]): Order => {
  const has = (label: Atom['label']): boolean => atoms.some((atom) => atom.label === label);
  return order.flatMap((label) => (label === 'head' ? (['head', 'group'] as const) : [label])).filter(has);
};

const countOf = (atoms: readonly Atom[], label: Atom['label']): number => {
  const size = atoms.find((atom) => atom.label === label)?.size;
  return typeof size === 'number' ? size : 1;
};

function turned(append: Append, tensor: string, perm: readonly number[]): string {
  return perm.every((from, to) => from === to) ? tensor : append.turn(tensor, perm);
}

/** Lays a tensor out with one axis for each label of `order`, by a Reshape and a Transpose where they are needed. */
export function arrange(append: Append, placed: Placed, order: Order): string {
  const { tensor, axes } = placed;
  const atoms = axes.flat().filter(isPresent);
  const own = ownOrder(order, atoms);
  const unfolded = isFolded(axes)
    ? append.node('Reshape', [tensor, shapeTensor(append, unfoldedSizes(placed))])
    : tensor;
  const out = turned(
    append,
    unfolded,
    own.map((label) => atoms.findIndex((atom) => atom.label === label)),
  );
  if (own.join() === order.join()) return out;
  const heads = countOf(atoms, 'head') * countOf(atoms, 'group');
  const sizes = order.map(
    (label): Size =>
      label === 'head' ? heads : own.includes(label) ? { tensor: out, axis: own.indexOf(label) } : 1,
  );
  return append.node('Reshape', [out, shapeTensor(append, sizes)]);
}

/** The inverse of `arrange`: values laid out as `order`, back in the layout of `placed`; `like` has that layout. */
export function restore(
  append: Append,
  values: string,
  like: string,
  { axes }: Placed,
  order: Order,
): string {
  const atoms = axes.flat().filter(isPresent);
  const own = ownOrder(order, atoms);
  let out = values;
  if (own.join() !== order.join()) {
    const split = own.map(
      (label): Size =>
        label === 'head' || label === 'group'
          ? countOf(atoms, label)
          : { tensor: values, axis: order.indexOf(label) },
    );
    out = append.node('Reshape', [values, shapeTensor(append, split)]);
  }
  out = turned(
    append,
    out,
    atoms.map((atom) => own.indexOf(atom.label)),
  );
  if (!isFolded(axes)) return out;
  return append.node('Reshape', [out, append.node('Shape', [like], {}, { type: 'int64' })]);
}
