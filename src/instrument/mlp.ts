import type { GraphIndex } from './graph.ts';
import { projectionAt } from './linear.ts';
import type { Node } from './onnx.ts';

/** What enters the activation of an MLP, found behind its last projection. */
export interface Activation {
  /** Output of the projection that goes through the nonlinearity; `bias` is still to be added if the op fuses it. */
  readonly pre: string;
  readonly bias?: string;
  /** Output of the other projection, where the MLP is gated. */
  readonly linear?: string;
}

const nonlinear = new Set([
  'Erf',
  'Tanh',
  'Sigmoid',
  'Relu',
  'Gelu',
  'FastGelu',
  'QuickGelu',
  'BiasGelu',
  'Softplus',
  'HardSwish',
  'HardSigmoid',
  'Clip',
  'Elu',
  'Swish',
  'Mish',
  'LeakyRelu',
  'Softsign',
  'Selu',
  'Celu',
]);

const fusedBias = (index: GraphIndex, node: Node): string | undefined => {
  const bias = node.op === 'BiasGelu' || node.op === 'FastGelu' ? (node.inputs[1] ?? '') : '';
  return bias !== '' && index.isConstant(bias) ? bias : undefined;
};

/** Is the tensor a projection's output, or one part of a packed one's? */
function isProjected(index: GraphIndex, tensor: string): boolean {
  if (projectionAt(index, tensor) !== undefined) return true;
  const node = index.producer(tensor);
  return (
    (node?.op === 'Split' || node?.op === 'Slice') && projectionAt(index, node.inputs[0] ?? '') !== undefined
  );
}

/** Projection outputs behind `tensor`, nothing but elementwise arithmetic between. */
function frontier(index: GraphIndex, tensor: string): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const queue = [tensor];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (seen.has(at) || at === '' || index.isConstant(at)) continue;
    seen.add(at);
    if (at !== tensor && isProjected(index, at)) {
      found.add(at);
      continue;
    }
    queue.push(...(index.producer(at)?.inputs ?? []));
    if (seen.size > 64) return new Set();
  }
  return found;
}

/** The activation whose result is `post`, the input of the MLP's last projection. */
export function activationBehind(index: GraphIndex, post: string): Activation | undefined {
  const sources = frontier(index, post);
  if (sources.size === 0 || sources.size > 2) return undefined;
  const [only = ''] = sources;
  if (sources.size === 1) {
    const bias = biasOf(index, only);
    return { pre: only, ...(bias === undefined ? {} : { bias }) };
  }
  const gates = [...sources].filter((source) => entersNonlinearity(index, source, post));
  const [gate] = gates;
  const linear = [...sources].find((source) => source !== gate);
  if (gates.length !== 1 || gate === undefined || linear === undefined) return undefined;
  return { pre: gate, linear };
}

function biasOf(index: GraphIndex, source: string): string | undefined {
  for (const node of index.consumers(source)) {
    const bias = fusedBias(index, node);
    if (bias !== undefined) return bias;
  }
  return undefined;
}

function entersNonlinearity(index: GraphIndex, source: string, post: string): boolean {
  const seen = new Set<string>();
  const queue = [source];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (seen.has(at) || at === post) continue;
    seen.add(at);
    for (const node of index.consumers(at)) {
      if (nonlinear.has(node.op)) return true;
      // The product with the other projection ends the gate's own path.
      const varying = node.inputs.filter((input) => input !== '' && !index.isConstant(input));
      if (varying.length === 1) queue.push(...node.outputs);
    }
  }
  return false;
}
