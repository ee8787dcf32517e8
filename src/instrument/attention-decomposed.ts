import { type Attention, noSide } from './attention.ts';
import { type Atom, type Axes, whole } from './axes.ts';
import { isCausal } from './causal.ts';
import { placed } from './found.ts';
import type { GraphIndex } from './graph.ts';
import type { Placed } from './layout.ts';
import { scoresAsShown } from './masked.ts';
import type { Dim, Node } from './onnx.ts';
import { sideOf } from './side.ts';
import type { View } from './view.ts';

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

/**
 * The scores a softmax is taken of. Where a sink competes with the keys, its logits are one more column beside them,
 * and the largest of a row may be taken off first.
 */
function scoresOf({ index }: View, softmax: Node, qk: Node): string {
  const entering = softmax.inputs[0] ?? '';
  let at = entering;
  for (let node = index.producer(at); node !== undefined; node = index.producer(at)) {
    const [first = '', second = ''] = node.inputs;
    if (node.op === 'Concat') {
      const product = qk.outputs[0] ?? '';
      return node.inputs.find((input) => index.dependsOn(input, product)) ?? entering;
    }
    const isShift = node.op === 'Sub' && index.producer(second)?.op === 'ReduceMax';
    if (!isShift && node.op !== 'Cast' && node.op !== 'Identity') return entering;
    at = first;
  }
  return entering;
}

/** The number in a size such as `4·batch`. */
const countIn = (dim: Dim | undefined): number | undefined => {
  if (typeof dim === 'number') return dim;
  const first = Number(dim?.split('·')[0]);
  return Number.isInteger(first) ? first : undefined;
};

/** What the axes of a per-head tensor mean: [batch, head, row, column], [batch·head, row, column] or grouped. */
export function headAxes(
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

const sizeOf = (at: Placed | undefined, label: Atom['label']): number | undefined => {
  const size = at?.axes.flat().find((atom) => atom.label === label)?.size;
  return typeof size === 'number' ? size : undefined;
};

/** Softmax between two products of computed tensors is attention. */
export function decomposedAttention(view: View, softmax: Node): Attention | undefined {
  const { shapes, heads } = view;
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
  const isTransposed = qk.attributes.get('transB')?.int === 1;
  const q = place(queryOperand, 'position', 'size');
  const k = isTransposed ? place(keyOperand, 'key', 'size') : place(keyOperand, 'size', 'key');
  const v = place(product.inputs[1] ?? '', 'key', 'size');
  const z = place(output, 'position', 'size');
  const keys = k === undefined ? noSide : sideOf(view, k);
  const found = sizeOf(z, 'head') ?? heads;
  if (found === undefined) return undefined;
  const keyPlace = keys.projected ?? keys.rotated;
  return {
    anchor: softmax,
    heads: found * (sizeOf(z, 'group') ?? 1),
    kvHeads: keyPlace?.kind === 'placed' ? (sizeOf(keyPlace.placed, 'head') ?? 1) : found,
    dHead: sizeOf(z, 'size') ?? 0,
    causal: isCausal(view, softmax.inputs[0] ?? '', qk),
    q: q === undefined ? noSide : sideOf(view, q),
    k: keys,
    v: v === undefined ? noSide : sideOf(view, v),
    scores: scoresAsShown(view, place(scoresOf(view, softmax, qk), 'position', 'key')),
    pattern: placed(place(pattern, 'position', 'key')),
    z: placed(z),
    output,
    queryOperand,
    keyOperand,
  };
}
