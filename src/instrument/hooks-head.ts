import type { Drafts } from './drafts.ts';
import { linearBehind } from './linear.ts';
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

/** What the graph gives under its own names, and the head that makes the logits. */
export function headHooks(drafts: Drafts, view: View, structure: Structure): void {
  const logits = logitsOf(view, structure);
  if (logits !== undefined) {
    const head = headBehind(view, structure, logits);
    if (head !== undefined) drafts.plain('unembed.hook_in', head, 'd_model');
    drafts.plain('unembed.hook_out', logits, 'vocabulary');
    drafts.output('logits', logits, 'vocabulary');
  }
  for (const { name } of view.index.graph.outputs) {
    const isCache = /^(present|past)/.test(name);
    if (!isCache && dependsOnStream(view, structure, name)) drafts.output(name, name, 'd_model');
  }
}

function dependsOnStream({ index }: View, structure: Structure, output: string): boolean {
  return index.dependsOn(output, structure.end);
}

/** A projected embedding is made like logits; that it is none is said by its name only. */
const isRepresentation = /embed|hidden|state|feature|pooler/i;

/** The output that a head makes; the first where there are several (start and end of an answer). */
export function logitsOf(view: View, structure: Structure): string | undefined {
  const { outputs } = view.index.graph;
  const made = outputs.filter(
    ({ name }) => !isRepresentation.test(name) && headBehind(view, structure, name) !== undefined,
  );
  return (made.find(({ name }) => name === 'logits') ?? made[0])?.name;
}
