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

/** What the projection reads whose output the tensor is, or whose packed output it is one part of. */
export function projectedFrom(index: GraphIndex, tensor: string): string | undefined {
  const whole = projectionAt(index, tensor);
  if (whole !== undefined) return whole.input;
  const node = index.producer(tensor);
  const isPart = node?.op === 'Split' || node?.op === 'Slice' || node?.op === 'Gather';
  return isPart ? projectionAt(index, node.inputs[0] ?? '')?.input : undefined;
}

interface Frontier {
  /** Projection outputs, nothing but elementwise arithmetic between them and where the search began. */
  readonly sources: ReadonlySet<string>;
  /** What the nonlinearities on the way read. */
  readonly bent: readonly string[];
}

function frontier(index: GraphIndex, tensor: string): Frontier {
  const sources = new Set<string>();
  const bent: string[] = [];
  const seen = new Set<string>();
  const queue = [tensor];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (seen.has(at) || at === '' || index.isConstant(at)) continue;
    seen.add(at);
    if (at !== tensor && projectedFrom(index, at) !== undefined) {
      sources.add(at);
      continue;
    }
    const node = index.producer(at);
    if (node !== undefined && nonlinear.has(node.op)) bent.push(node.inputs[0] ?? '');
    queue.push(...(node?.inputs ?? []));
    if (seen.size > 64) return { sources: new Set(), bent };
  }
  return { sources, bent };
}

/** The activation whose result is `post`, the input of the MLP's last projection. */
export function activationBehind(index: GraphIndex, post: string): Activation | undefined {
  const { sources, bent } = frontier(index, post);
  const [only = ''] = sources;
  if (sources.size === 1) {
    const bias = biasOf(index, only);
    return { pre: only, ...(bias === undefined ? {} : { bias }) };
  }
  // The gate is the one that goes through the nonlinearity.
  const gates = new Set(
    bent.flatMap((input) => (sources.has(input) ? [input] : [...frontier(index, input).sources])),
  );
  const [gate] = gates;
  const linear = [...sources].find((source) => source !== gate);
  if (sources.size !== 2 || gates.size !== 1 || gate === undefined || linear === undefined) return undefined;
  return { pre: gate, linear };
}

function biasOf(index: GraphIndex, source: string): string | undefined {
  for (const node of index.consumers(source)) {
    const bias = fusedBias(index, node);
    if (bias !== undefined) return bias;
  }
  return undefined;
}
