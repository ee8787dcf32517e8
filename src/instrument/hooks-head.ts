import type { Drafts } from './drafts.ts';
import { linearBehind } from './linear.ts';
import { origin } from './residual.ts';
import type { Structure } from './structure.ts';
import type { View } from './view.ts';

/** The projection that makes an output of the graph, if it stands after the stream: the unembedding, a classifier. */
export function headBehind({ index }: View, structure: Structure, output: string): string | undefined {
  let at = output;
  for (let steps = 0; steps < 8; steps++) {
    const head = linearBehind(index, at);
    if (head !== undefined) return index.dependsOn(head.input, structure.end) ? head.input : undefined;
    const node = index.producer(at);
    // A soft cap, a cut or a squeeze may follow the head.
    if (node === undefined || !after.has(node.op)) return undefined;
    at = node.inputs.find((input) => !index.isConstant(input)) ?? '';
  }
  return undefined;
}

const after = new Set([
  'Tanh',
  'Mul',
  'Div',
  'Cast',
  'Slice',
  'Split',
  'Squeeze',
  'Gather',
  'Identity',
  'Add',
]);

/** Hooks of one output: logits with what the head reads, or the last hidden state. */
export function headHooks(drafts: Drafts, view: View, structure: Structure, output: string): void {
  const isState = output === structure.end || isStreamOutput(view, structure, output);
  if (isState) {
    drafts.plain('last_hidden_state', output, 'd_model');
    return;
  }
  if (output !== logitsOf(view, structure)) return;
  const head = headBehind(view, structure, output);
  if (head !== undefined) drafts.plain('unembed.hook_in', head, 'd_model');
  drafts.plain('unembed.hook_out', output, 'vocabulary');
  drafts.plain('logits', output, 'vocabulary');
}

/** The stream itself, or its final norm. */
function isStreamOutput({ index }: View, structure: Structure, output: string): boolean {
  const at = origin(index, output);
  return (
    at === origin(index, structure.end) ||
    (structure.finalNorm !== undefined && at === structure.finalNorm.output)
  );
}

/** The output that a head makes; the first where there are several (start and end of an answer). */
export function logitsOf(view: View, structure: Structure): string | undefined {
  const { outputs } = view.index.graph;
  const made = outputs.filter(({ name }) => headBehind(view, structure, name) !== undefined);
  return (made.find(({ name }) => name === 'logits') ?? made[0])?.name;
}
