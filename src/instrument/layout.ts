import type { Append } from './append.ts';
import type { Atom, Axes } from './axes.ts';

/** A tensor of the graph together with what its axes mean. */
export interface Placed {
  readonly tensor: string;
  readonly axes: Axes;
}

const isAbsent = (atom: Atom): boolean => atom.label === 'one';

/** Can the tensor be laid out as `order` without looking at another tensor's shape? */
export function isPlaceable({ axes }: Placed): boolean {
  return axes.every((axis) => axis.filter((atom) => typeof atom.size === 'string').length <= 1);
}

/** Lays a tensor out with one axis for each label of `order`, by a Reshape and a Transpose where they are needed. */
export function arrange(append: Append, { tensor, axes }: Placed, order: readonly Atom['label'][]): string {
  const atoms = axes.flat();
  let out = tensor;
  const folded =
    axes.some((axis) => axis.length !== 1) || atoms.some(isAbsent) || atoms.length !== axes.length;
  const present = atoms.filter((atom) => !isAbsent(atom));
  if (folded) out = append.node('Reshape', [out, unfoldedShape(append, tensor, axes)]);
  const perm = order.map((label) => present.findIndex((atom) => atom.label === label));
  if (perm.includes(-1)) {
    throw new Error(`${tensor} has axes ${present.map((atom) => atom.label).join()}, not ${order.join()}`);
  }
  return perm.every((from, to) => from === to) ? out : append.node('Transpose', [out], { perm });
}

/** The shape with one axis an atom: constants where known, 0 and -1 where that says it, else sizes read at run time. */
function unfoldedShape(append: Append, tensor: string, axes: Axes): string {
  const sizes: (number | { readonly axis: number })[] = [];
  let open = false;
  for (const [axis, atoms] of axes.entries()) {
    const present = atoms.filter((atom) => !isAbsent(atom));
    for (const atom of present) {
      if (typeof atom.size === 'number') sizes.push(atom.size);
      else if (present.length === 1) sizes.push(sizes.length === axis ? 0 : { axis });
      else if (open) throw new Error(`two sizes of ${tensor} are unknown`);
      else {
        sizes.push(-1);
        open = true;
      }
    }
  }
  if (sizes.every((size) => typeof size === 'number')) return append.ints(...sizes);
  const parts = sizes.map((size) => {
    if (typeof size === 'number') return append.ints(size);
    const shape = append.node('Shape', [tensor], {}, { type: 'int64' });
    return append.node('Gather', [shape, append.ints(size.axis)]);
  });
  return append.node('Concat', parts, { axis: 0 }, { type: 'int64' });
}

/** The inverse of `arrange`: values laid out as `order`, back in the layout of `placed`. */
export function restore(
  append: Append,
  values: string,
  like: string,
  { axes }: Placed,
  order: readonly Atom['label'][],
): string {
  const present = axes.flat().filter((atom) => !isAbsent(atom));
  const perm = present.map((atom) => order.indexOf(atom.label));
  const out = perm.every((from, to) => from === to) ? values : append.node('Transpose', [values], { perm });
  if (present.length === axes.length && axes.every((axis) => axis.length === 1)) return out;
  return append.node('Reshape', [out, append.node('Shape', [like], {}, { type: 'int64' })]);
}
