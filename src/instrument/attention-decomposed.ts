import type { Attention, Side } from './attention.ts';
import { type Atom, type Axes, axesBefore, whole } from './axes.ts';
import type { GraphIndex } from './graph.ts';
import { intsOf } from './graph.ts';
import { isPlaceable, type Placed } from './layout.ts';
import { isPassing, linearBehind, linearNode } from './linear.ts';
import type { Dim, Node } from './onnx.ts';
import type { Shapes } from './shape.ts';

interface View {
  readonly index: GraphIndex;
  readonly shapes: Shapes;
}

/** Between softmax and the product with V: guards against NaN, dropout, casts, sink columns cut off. */
const afterSoftmax = new Set([
  'Cast',
  'Identity',
  'Dropout',
  'Where',
  'Slice',
  'Reshape',
  'Transpose',
  'Mul',
]);

/** The product with V that a softmax output flows into, and the last tensor before it. */
function valueProduct({ index }: View, softmax: Node): { pattern: string; product: Node } | undefined {
  let at = softmax.outputs[0] ?? '';
  for (let steps = 0; steps < 8; steps++) {
    const readers = index.consumers(at);
    const product = readers.find((node) => isProduct(index, node) && node.inputs[0] === at);
    if (product !== undefined) return { pattern: at, product };
    const next = readers.find((node) => afterSoftmax.has(node.op) && node.inputs.includes(at));
    if (next === undefined) return undefined;
    at = next.outputs[0] ?? '';
  }
  return undefined;
}

/** A multiplication of two computed tensors. */
function isProduct(index: GraphIndex, node: Node): boolean {
  if (node.op !== 'MatMul' && node.op !== 'FusedMatMul') return false;
  const [a = '', b = ''] = node.inputs;
  return !index.isConstant(a) && !index.isConstant(b);
}

/** Between Q·K and softmax there is only arithmetic on scores. */
const beforeSoftmax = new Set([
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Where',
  'Tanh',
  'Cast',
  'Identity',
  'Reshape',
  'Transpose',
  'Clip',
  'Max',
  'Min',
  'Concat',
  'Expand',
  'Unsqueeze',
  'Squeeze',
  'Slice',
  'ScatterND',
]);

/** The nearest Q·K product behind a softmax. */
function scoreProduct({ index }: View, softmax: Node): Node | undefined {
  const queue = [softmax.inputs[0] ?? ''];
  const seen = new Set<string>();
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    if (seen.has(at)) continue;
    seen.add(at);
    const node = index.producer(at);
    if (node === undefined || index.isConstant(at)) continue;
    if (isProduct(index, node)) return node;
    if (beforeSoftmax.has(node.op)) queue.push(...node.inputs.filter((input) => input !== ''));
  }
  return undefined;
}

/** The number in a size such as `4·batch`. */
const countIn = (dim: Dim | undefined): number | undefined => {
  if (typeof dim === 'number') return dim;
  const first = Number(dim?.split('·')[0]);
  return Number.isInteger(first) ? first : undefined;
};

/** What the axes of a per-head tensor mean: [batch, head, row, column], [batch·head, row, column] or grouped. */
function headAxes(
  dims: readonly Dim[] | undefined,
  row: Atom['label'],
  column: Atom['label'],
  hint: number | undefined,
): Axes | undefined {
  if (dims === undefined) return undefined;
  const last: readonly Atom[] = [
    { label: row, size: dims.at(-2) ?? 1 },
    { label: column, size: dims.at(-1) ?? 1 },
  ];
  const [first = 1, second = 1, third = 1] = dims;
  if (dims.length === 4) {
    const heads = typeof second === 'number' ? second : hint;
    if (heads === undefined) return undefined;
    return whole({ label: 'batch', size: first }, { label: 'head', size: heads }, ...last);
  }
  if (dims.length === 3) {
    const heads = hint ?? countIn(first);
    if (heads === undefined) return undefined;
    const batch = typeof first === 'number' ? first / heads : first.split('·').slice(1).join('·') || first;
    return [
      [
        { label: 'batch', size: batch },
        { label: 'head', size: heads },
      ],
      ...whole(...last),
    ];
  }
  if (dims.length === 5 && typeof second === 'number' && typeof third === 'number') {
    return whole(
      { label: 'batch', size: first },
      { label: 'head', size: second },
      { label: 'group', size: third },
      ...last,
    );
  }
  return undefined;
}

/** Does the tensor come straight from a cache that was fed? */
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
    const scaled =
      node.op === 'Mul' || node.op === 'Div'
        ? node.inputs.find((input) => !isScalar(view, input))
        : undefined;
    const scale = node.inputs.find((input) => input !== scaled);
    if (scaled === undefined || scale === undefined || !isScalar(view, scale)) break;
    if (linearBehind(index, tensor) !== undefined && !index.isConstant(scale)) break;
    tensor = scaled;
    same = [{ tensor, axes }];
  }
  return { same, past };
}

/** Is this where a projection ends: the linear itself, or its share of a packed one? */
function endsAtProjection({ index }: View, tensor: string): boolean {
  const node = index.producer(tensor);
  if (node === undefined) return false;
  if (linearBehind(index, tensor) !== undefined) return true;
  return (
    ['Split', 'Slice', 'Gather'].includes(node.op) && linearBehind(index, node.inputs[0] ?? '') !== undefined
  );
}

function projectionSource({ index }: View, tensor: string): string | undefined {
  const direct = linearBehind(index, tensor);
  if (direct !== undefined) return direct.input;
  const node = index.producer(tensor);
  return node === undefined ? undefined : linearBehind(index, node.inputs[0] ?? '')?.input;
}

function sideOf(view: View, operand: Placed): Side {
  const { same, past } = walkBack(view, operand);
  const last = same.at(-1);
  const placed = same.findLast(isPlaceable);
  if (last === undefined) return { projected: undefined, rotated: undefined, past, source: undefined };
  if (endsAtProjection(view, last.tensor)) {
    return { projected: placed, rotated: undefined, past, source: projectionSource(view, last.tensor) };
  }
  return { projected: undefined, rotated: placed, past, source: undefined };
}

const sizeOf = (placed: Placed | undefined, label: Atom['label']): number | undefined => {
  const size = placed?.axes.flat().find((atom) => atom.label === label)?.size;
  return typeof size === 'number' ? size : undefined;
};

/** Softmax between two products of computed tensors is attention. `heads` helps where the graph leaves them open. */
export function decomposedAttention(
  index: GraphIndex,
  shapes: Shapes,
  softmax: Node,
  heads?: number,
): Attention | undefined {
  const view: View = { index, shapes };
  const after = valueProduct(view, softmax);
  const qk = scoreProduct(view, softmax);
  if (after === undefined || qk === undefined) return undefined;
  const { pattern, product } = after;
  const output = product.outputs[0] ?? '';
  const place = (tensor: string, row: Atom['label'], column: Atom['label']): Placed | undefined => {
    const axes = headAxes(shapes.dims(tensor), row, column, heads);
    return axes === undefined ? undefined : { tensor, axes };
  };
  const [queryOperand = '', keyOperand = ''] = qk.inputs;
  const q = place(queryOperand, 'position', 'size');
  const k = place(keyOperand, 'size', 'key');
  const v = place(product.inputs[1] ?? '', 'key', 'size');
  const z = place(output, 'position', 'size');
  const none: Side = { projected: undefined, rotated: undefined, past: undefined, source: undefined };
  const keys = k === undefined ? none : sideOf(view, k);
  const found = sizeOf(z, 'head') ?? heads;
  if (found === undefined) return undefined;
  return {
    anchor: softmax,
    heads: found * (sizeOf(z, 'group') ?? 1),
    kvHeads: sizeOf(keys.projected ?? keys.rotated, 'head') ?? found,
    dHead: sizeOf(z, 'size') ?? 0,
    q: q === undefined ? none : sideOf(view, q),
    k: keys,
    v: v === undefined ? none : sideOf(view, v),
    scores: place(softmax.inputs[0] ?? '', 'position', 'key'),
    pattern: place(pattern, 'position', 'key'),
    z,
    output,
    queryOperand,
    keyOperand,
  };
}
