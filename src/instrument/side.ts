import type { Side } from './attention.ts';
import { type Atom, type Axes, axesBefore, whole } from './axes.ts';
import { product } from './dim.ts';
import { placed } from './found.ts';
import { intsOf } from './graph.ts';
import { isPlaceable, type Placed } from './layout.ts';
import { isPassing, linearBehind, linearNode, projectionAt } from './linear.ts';
import type { Dim, Node } from './onnx.ts';
import type { View } from './view.ts';

/** The graph input that a tensor is, but for its layout. */
function cachedInput({ index }: View, tensor: string): string | undefined {
  let at = tensor;
  for (let node = index.producer(at); node !== undefined; node = index.producer(at)) {
    if (!isPassing(node) && node.op !== 'Gather' && node.op !== 'Slice') return undefined;
    at = node.inputs[0] ?? '';
  }
  return index.isConstant(at) ? undefined : at;
}

const isScalar = ({ index, shapes }: View, tensor: string): boolean => {
  const dims = shapes.dims(tensor);
  return dims === undefined ? index.numbers(tensor)?.length === 1 : dims.every((size) => size === 1);
};

/** New rows written into a cache of a fixed number of places. */
function writtenInto(view: View, node: Node): { cached: string; rows: string } | undefined {
  const at = { ScatterND: 2, ScatterElements: 2, TensorScatter: 1 }[node.op];
  const cached = at === undefined ? undefined : cachedInput(view, node.inputs[0] ?? '');
  const rows = at === undefined ? '' : (node.inputs[at] ?? '');
  return cached === undefined || rows === '' ? undefined : { cached, rows };
}

/** Do the rows have the cache's sizes everywhere but along the keys? */
function isKeyAxis(axes: Axes, cache: readonly Dim[] | undefined, rows: readonly Dim[] | undefined): boolean {
  if (cache?.length !== axes.length || rows?.length !== axes.length) return false;
  return axes.every((axis, at) => axis.some(({ label }) => label === 'key') || cache[at] === rows[at]);
}

interface Walk {
  /** Layouts of one and the same values, the last nearest to the projection. */
  readonly same: readonly Placed[];
  readonly past: string | undefined;
}

/** From an operand of an attention product back over layout, scale, repetition and cache. */
function walkBack(view: View, operand: Placed): Walk {
  const { index, shapes } = view;
  let same: Placed[] = [operand];
  let past: string | undefined;
  let { tensor, axes } = operand;
  for (let node = index.producer(tensor); node !== undefined; node = index.producer(tensor)) {
    if (linearNode(index, node) !== undefined) break;
    const [first = ''] = node.inputs;
    const listed = intsOf(node, 'axes') ?? index.numbers(node.inputs[1] ?? '');
    const before = axesBefore(node, axes, shapes.dims(first), listed);
    if (before !== undefined) {
      tensor = first;
      axes = before;
      if (node.op === 'Expand') same = [];
      same.push({ tensor, axes });
      continue;
    }
    if (node.op === 'Concat' && node.inputs.length === 2) {
      const cached = cachedInput(view, first);
      const fresh = node.inputs[1] ?? '';
      const dims = shapes.dims(fresh);
      if (cached === undefined || dims === undefined) break;
      past = cached;
      axes = axes.map((axis, at) =>
        axis.map((atom) => (atom.label === 'key' ? { ...atom, size: dims[at] ?? 1 } : atom)),
      );
      tensor = fresh;
      same = [{ tensor, axes }];
      continue;
    }
    const written = writtenInto(view, node);
    if (written !== undefined && isKeyAxis(axes, shapes.dims(first), shapes.dims(written.rows))) {
      const dims = shapes.dims(written.rows) ?? [];
      past = written.cached;
      axes = axes.map((axis, at) =>
        axis.map((atom) => (atom.label === 'key' ? { ...atom, size: dims[at] ?? 1 } : atom)),
      );
      tensor = written.rows;
      same = [{ tensor, axes }];
      continue;
    }
    const isFactor = node.op === 'Mul' || node.op === 'Div';
    const scaled = isFactor ? node.inputs.find((input) => !isScalar(view, input)) : undefined;
    const scale = node.inputs.find((input) => input !== scaled);
    if (scaled === undefined || scale === undefined || !isScalar(view, scale)) break;
    if (projectionAt(index, tensor) !== undefined) break;
    tensor = scaled;
    same = [{ tensor, axes }];
  }
  return { same, past };
}

const shares = new Set(['Split', 'Slice', 'Gather', 'SplitToSequence']);

/** The projection a tensor is, or is a share of: packed q, k and v are cut apart after it. */
function projectionOf({ index }: View, tensor: string): { input: string; isShare: boolean } | undefined {
  const direct = projectionAt(index, tensor);
  if (direct !== undefined) return { input: direct.input, isShare: false };
  let at = tensor;
  for (let node = index.producer(at); node !== undefined; node = index.producer(at)) {
    if (shares.has(node.op)) {
      const packed = linearBehind(index, node.inputs[0] ?? '');
      if (packed !== undefined) return { input: packed.input, isShare: true };
    } else if (!isPassing(node)) return undefined;
    at = node.inputs[0] ?? '';
  }
  return undefined;
}

const sameSize = (a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): boolean =>
  a !== undefined && b !== undefined && product(a) === product(b);

/**
 * Behind a norm and a rotation (halves cut, swapped, joined): the one projection of the same size from which all of
 * it was computed.
 */
function behindRotation(view: View, rotated: Placed): Placed | undefined {
  const { index, shapes } = view;
  const dims = shapes.dims(rotated.tensor);
  const found = new Set<string>();
  const seen = new Set<string>();
  const queue = [rotated.tensor];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (seen.has(at) || at === '' || index.isConstant(at)) continue;
    seen.add(at);
    if (seen.size > 200) return undefined;
    if (sameSize(shapes.dims(at), dims) && projectionOf(view, at) !== undefined) {
      found.add(at);
      continue;
    }
    const node = index.producer(at);
    if (node !== undefined) queue.push(...index.valuesOf(node));
  }
  const [tensor, second] = [...found].sort((a, b) => index.position(a) - index.position(b));
  if (tensor === undefined) return undefined;
  if (second !== undefined && projectionOf(view, tensor)?.input !== projectionOf(view, second)?.input)
    return undefined;
  const own = shapes.dims(tensor);
  if (own?.join() === dims?.join()) return { tensor, axes: rotated.axes };
  return own === undefined ? undefined : { tensor, axes: foldedAxes(own, rotated.axes) };
}

/** [batch, position, head·size], or [batch, position, head, size]. */
function foldedAxes(dims: readonly Dim[], like: Axes): Axes {
  const atom = (label: Atom['label'], fallback: Dim): Atom =>
    like.flat().find((each) => each.label === label) ?? { label, size: fallback };
  const row = like.flat().find((each) => each.label === 'key') ?? atom('position', dims[1] ?? 1);
  const parts = [atom('batch', dims[0] ?? 1), row, atom('head', 1), atom('size', 1)] as const;
  const [batch, position, head, size] = parts;
  return dims.length === 4 ? whole(...parts) : [[batch], [position], [head, size]];
}

/** Where q, k or v comes from, given the operand of the attention and what its axes mean. */
export function sideOf(view: View, operand: Placed): Side {
  const { same, past } = walkBack(view, operand);
  const last = same.at(-1);
  if (last === undefined) return { projected: undefined, rotated: undefined, past, source: undefined };
  const near = placed(same.findLast(isPlaceable));
  const ending = projectionOf(view, last.tensor);
  if (ending !== undefined) return { projected: near, rotated: undefined, past, source: ending.input };
  const isFed = view.index.producer(last.tensor) === undefined;
  if (isFed) return { projected: near, rotated: undefined, past, source: undefined };
  const before = behindRotation(view, last);
  const further = before === undefined ? undefined : walkBack(view, before).same.findLast(isPlaceable);
  return {
    projected: placed(further),
    rotated: near,
    past,
    source: before === undefined ? undefined : projectionOf(view, before.tensor)?.input,
  };
}
