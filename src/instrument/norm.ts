import { floatOf, type GraphIndex } from './graph.ts';
import type { Node } from './onnx.ts';

/** A normalisation of the last axis, fused or spelled out. */
export interface Norm {
  readonly kind: 'layer' | 'rms';
  /** '' where the operator keeps the sum it normalises to itself. */
  readonly input: string;
  /** After gain and bias. */
  readonly output: string;
  readonly epsilon: number;
  /** What an operator multiplies the normalised rows with and adds to them. */
  readonly gain?: string;
  readonly bias?: string;
  /** The normalised rows before that, where the norm is spelled out. */
  readonly core?: string;
  /** The node sums before it normalises: see `Skip`. */
  readonly skip?: Skip;
}

/** com.microsoft SkipLayerNormalization: normalises `operands` added up; the sum itself may be no tensor. */
export interface Skip {
  readonly operands: readonly [string, string];
  readonly bias?: string;
  readonly sum?: string;
}

/** The norms of a graph, by what they make and by what they read. */
export class Norms {
  readonly #byOutput = new Map<string, Norm>();
  readonly #byInput = new Map<string, Norm[]>();

  constructor(index: GraphIndex) {
    for (const node of index.nodes) {
      const norm = fusedNorm(node) ?? spelledNorm(index, node);
      if (norm === undefined) continue;
      const own = node.outputs[0] ?? '';
      const tensors = norm.output === own ? [own] : withGain(index, own);
      for (const tensor of tensors) this.#byOutput.set(tensor, norm);
      if (norm.input === '') continue;
      const known = this.#byInput.get(norm.input);
      if (known) known.push(norm);
      else this.#byInput.set(norm.input, [norm]);
    }
  }

  /** The norm whose output is `tensor`. */
  behind(tensor: string): Norm | undefined {
    return this.#byOutput.get(tensor);
  }

  /** The norms that read `tensor`. */
  after(tensor: string): readonly Norm[] {
    return this.#byInput.get(tensor) ?? [];
  }
}

function affine(node: Node, gainAt: number, biasAt?: number): { gain?: string; bias?: string } {
  const gain = node.inputs[gainAt] ?? '';
  const bias = biasAt === undefined ? '' : (node.inputs[biasAt] ?? '');
  return { ...(gain === '' ? {} : { gain }), ...(bias === '' ? {} : { bias }) };
}

function fusedNorm(node: Node): Norm | undefined {
  const [input = '', skip = ''] = node.inputs;
  const output = node.outputs[0] ?? '';
  switch (node.op) {
    case 'LayerNormalization':
      return {
        kind: 'layer',
        input,
        output,
        epsilon: floatOf(node, 'epsilon') ?? 1e-5,
        ...affine(node, 1, 2),
      };
    case 'SimplifiedLayerNormalization':
    case 'RMSNormalization':
      return {
        kind: 'rms',
        input,
        output,
        epsilon: floatOf(node, 'epsilon') ?? 1e-5,
        ...affine(node, 1),
      };
    case 'SkipLayerNormalization':
    case 'SkipSimplifiedLayerNormalization': {
      const isLayer = node.op === 'SkipLayerNormalization';
      const bias = node.inputs[isLayer ? 4 : 3] ?? '';
      const sum = node.outputs[3] ?? '';
      const operands = [input, skip] as const;
      return {
        kind: isLayer ? 'layer' : 'rms',
        input: sum,
        output,
        epsilon: floatOf(node, 'epsilon') ?? 1e-12,
        ...(isLayer ? affine(node, 2, 3) : affine(node, 2)),
        skip: { operands, ...(bias === '' ? {} : { bias }), ...(sum === '' ? {} : { sum }) },
      };
    }
    default:
      return undefined;
  }
}

const beforeCast = (index: GraphIndex, tensor: string): string => {
  let at = tensor;
  for (
    let node = index.producer(at);
    node?.op === 'Cast' || node?.op === 'Identity';
    node = index.producer(at)
  ) {
    at = node.inputs[0] ?? '';
  }
  return at;
};

const isNumber = (index: GraphIndex, tensor: string, wanted: number): boolean => {
  const numbers = index.numbers(tensor);
  return numbers?.length === 1 && numbers[0] === wanted;
};

/** v in sqrt(v), for the ways to divide by a root: x / sqrt(v), x · (1 / sqrt(v)), x · v^-0.5. */
function underRoot(index: GraphIndex, node: Node): { value: string; root: string } | undefined {
  const [a = '', b = ''] = node.inputs;
  const producer = (tensor: string): Node | undefined => index.producer(beforeCast(index, tensor));
  if (node.op === 'Div') {
    const root = producer(b);
    return root?.op === 'Sqrt' ? { value: a, root: root.inputs[0] ?? '' } : undefined;
  }
  if (node.op !== 'Mul') return undefined;
  for (const [value, factor] of [
    [a, b],
    [b, a],
  ] as const) {
    const inverse = producer(factor);
    const [first = '', second = ''] = inverse?.inputs ?? [];
    if (inverse?.op === 'Pow' && isNumber(index, second, -0.5)) return { value, root: first };
    const divides = inverse?.op === 'Reciprocal' || (inverse?.op === 'Div' && isNumber(index, first, 1));
    const root = divides ? producer(inverse?.op === 'Div' ? second : first) : undefined;
    if (root?.op === 'Sqrt') return { value, root: root.inputs[0] ?? '' };
  }
  return undefined;
}

/** What is squared in `tensor`: x^2 or x · x. */
function squared(index: GraphIndex, tensor: string): string | undefined {
  const node = index.producer(beforeCast(index, tensor));
  const [a = '', b = ''] = node?.inputs ?? [];
  if (node?.op === 'Pow') return isNumber(index, b, 2) ? a : undefined;
  return node?.op === 'Mul' && a === b ? a : undefined;
}

/** x / sqrt(mean(x^2) + epsilon), with x or x - mean(x) above: RMSNorm or LayerNorm spelled out. */
function spelledNorm(index: GraphIndex, node: Node): Norm | undefined {
  const under = underRoot(index, node);
  const sum = under === undefined ? undefined : index.producer(beforeCast(index, under.root));
  if (under === undefined || sum?.op !== 'Add') return undefined;
  const [left = '', right = ''] = sum.inputs;
  const [variance, stored] = index.isConstant(left) ? [right, left] : [left, right];
  const mean = index.producer(beforeCast(index, variance));
  const square = mean?.op === 'ReduceMean' ? squared(index, mean.inputs[0] ?? '') : undefined;
  const epsilon = index.numbers(stored)?.[0];
  if (square === undefined || epsilon === undefined) return undefined;
  const value = beforeCast(index, under.value);
  if (beforeCast(index, square) !== value) return undefined;
  const core = node.outputs[0] ?? '';
  const output = withGain(index, core).at(-1) ?? '';
  const difference = index.producer(value);
  const [x = '', average = ''] = difference?.inputs ?? [];
  const averaged = index.producer(beforeCast(index, average));
  if (difference?.op === 'Sub' && averaged?.op === 'ReduceMean') {
    const input = beforeCast(index, x);
    if (beforeCast(index, averaged.inputs[0] ?? '') === input)
      return { kind: 'layer', input, output, epsilon, core };
  }
  return { kind: 'rms', input: value, output, epsilon, core };
}

/** A norm's tensors from x / root on: its casts, its gain and its bias. */
function withGain(index: GraphIndex, core: string): string[] {
  const tensors = [core];
  let at = core;
  for (;;) {
    const [next, second] = index.consumers(at);
    if (next === undefined || second !== undefined || index.isOutput(at)) return tensors;
    const other = next.inputs.find((input) => input !== at) ?? '';
    const isVector = index.isConstant(other) && index.numbers(other)?.length !== 1;
    const isPart = next.op === 'Cast' || ((next.op === 'Mul' || next.op === 'Add') && isVector);
    if (!isPart) return tensors;
    at = next.outputs[0] ?? at;
    tensors.push(at);
  }
}
