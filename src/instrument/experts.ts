import type { Node } from './onnx.ts';
import type { Branch } from './structure.ts';
import type { View } from './view.ts';

/** The router of a mixture of experts. */
export interface Router {
  /** Softmax output, over all experts or over the chosen ones, as the model computes it. */
  readonly weights?: string;
  /** Numbers of the chosen experts. */
  readonly indices?: string;
  /** Logits that an operator (MoE, QMoE) reads, which routes inside. */
  readonly logits?: string;
  readonly chosen?: number;
}

/** Nodes between the stream and what the branch adds to it. */
function nodesOf({ index }: View, { output, join }: Branch): Node[] {
  const found = new Set<Node>();
  const seen = new Set<string>();
  const queue = [output];
  const limit = index.position(join.stream);
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (seen.has(at) || at === join.stream || index.position(at) <= limit) continue;
    seen.add(at);
    const node = index.producer(at);
    if (node === undefined) continue;
    found.add(node);
    queue.push(...node.inputs);
  }
  return [...found].sort((a, b) => index.position(a.outputs[0] ?? '') - index.position(b.outputs[0] ?? ''));
}

/** A router chooses some of its outputs; nothing else in an MLP does. */
export function routerOf(view: View, branch: Branch): Router | undefined {
  const nodes = nodesOf(view, branch);
  const fused = nodes.find((node) => node.op === 'MoE' || node.op === 'QMoE');
  if (fused !== undefined) {
    return { logits: fused.inputs[1] ?? '', chosen: fused.attributes.get('k')?.int ?? 1 };
  }
  const choice = nodes.find((node) => node.op === 'TopK');
  if (choice === undefined) return undefined;
  const weights = nodes.find((node) => node.op === 'Softmax' || node.op === 'Sigmoid')?.outputs[0];
  const indices = choice.outputs[1] ?? '';
  return { ...(weights === undefined ? {} : { weights }), ...(indices === '' ? {} : { indices }) };
}
