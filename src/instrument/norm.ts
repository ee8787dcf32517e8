import { floatOf, type GraphIndex } from './graph.ts';

/** A normalisation of the last axis, fused or spelled out. */
export interface Norm {
  readonly kind: 'layer' | 'rms';
  readonly input: string;
  readonly output: string;
  readonly epsilon: number;
  /** The node sums before it normalises: see `Skip`. */
  readonly skip?: Skip;
}

/** com.microsoft SkipLayerNormalization: normalises `operands` added up; the sum itself may be no tensor. */
export interface Skip {
  readonly operands: readonly [string, string];
  readonly bias?: string;
  readonly sum?: string;
}

/** The norm whose output is `tensor`. */
export function normBehind(index: GraphIndex, tensor: string): Norm | undefined {
  const node = index.producer(tensor);
  if (node === undefined) return undefined;
  const [input = '', skip = ''] = node.inputs;
  const epsilon = floatOf(node, 'epsilon') ?? 1e-5;
  switch (node.op) {
    case 'LayerNormalization':
      return { kind: 'layer', input, output: tensor, epsilon };
    case 'SimplifiedLayerNormalization':
    case 'RMSNormalization':
      return { kind: 'rms', input, output: tensor, epsilon };
    case 'SkipLayerNormalization':
    case 'SkipSimplifiedLayerNormalization': {
      if (tensor !== node.outputs[0]) return undefined;
      const bias = node.inputs[node.op === 'SkipLayerNormalization' ? 4 : 3] ?? '';
      const sum = node.outputs[3] ?? '';
      return {
        kind: node.op === 'SkipLayerNormalization' ? 'layer' : 'rms',
        input: sum,
        output: tensor,
        epsilon: floatOf(node, 'epsilon') ?? 1e-12,
        skip: {
          operands: [input, skip],
          ...(bias === '' ? {} : { bias }),
          ...(sum === '' ? {} : { sum }),
        },
      };
    }
    default:
      return undefined;
  }
}
