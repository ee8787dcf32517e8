import type { Node } from './onnx.ts';
import { origin } from './residual.ts';
import type { View } from './view.ts';

/** What stands between the ids and the residual stream. */
export interface Embeddings {
  readonly token: string | undefined;
  readonly position: string | undefined;
}

interface Lookup {
  readonly output: string;
  readonly kind: 'token' | 'position' | 'segment';
}

/** The graph input that a lookup's indices are, if they are one but for layout. */
function fedIndices({ index }: View, tensor: string): string | undefined {
  const at = origin(index, tensor);
  return index.producer(at) === undefined && !index.isConstant(at) ? at : undefined;
}

/** Rows of a quantised table are picked first and scaled after. */
function tableLookup({ index }: View, output: string): Node | undefined {
  let node = index.producer(output);
  if (node?.op === 'DequantizeLinear') node = index.producer(node.inputs[0] ?? '');
  return node?.op === 'Gather' || node?.op === 'GatherBlockQuantized' ? node : undefined;
}

/** A row of a learned table for each index. */
function lookupBehind(view: View, tensor: string): Lookup | undefined {
  const { index, shapes } = view;
  const output = origin(index, tensor);
  if (index.isConstant(output)) {
    // Positions that are always the same rows: a stored slice of the table.
    return (shapes.dims(output)?.length ?? 0) >= 2 ? { output, kind: 'position' } : undefined;
  }
  const node = tableLookup(view, output);
  const [table = '', indices = ''] = node?.inputs ?? [];
  if (node === undefined || !index.isConstant(table)) return undefined;
  // Which input holds ids is the one thing only its name says.
  const fed = fedIndices(view, indices);
  if (fed === undefined || /position/i.test(fed)) return { output, kind: 'position' };
  return { output, kind: /type|segment/i.test(fed) ? 'segment' : 'token' };
}

/** The embedding with the one factor that some models put on it (Gemma: the root of the width). */
function scaled({ index }: View, token: string): string {
  const [reader, second] = index.consumers(token).filter((node) => node.op !== 'Shape');
  const isFactor = reader?.op === 'Mul' && reader.inputs.some((input) => index.numbers(input)?.length === 1);
  return isFactor && second === undefined ? (reader.outputs[0] ?? token) : token;
}

/** Looks behind the sum that starts the stream. */
export function embeddingsBehind(view: View, start: string): Embeddings {
  const { index } = view;
  const found: Lookup[] = [];
  const queue = [start];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    const lookup = lookupBehind(view, at);
    if (lookup !== undefined) {
      found.push(lookup);
      continue;
    }
    const node = index.producer(origin(index, at));
    if (node === undefined) continue;
    const isArithmetic = node.op === 'Add' || node.op === 'Mul' || node.op.endsWith('LayerNormalization');
    if (isArithmetic) queue.push(...node.inputs.slice(0, 2));
  }
  const token = found.find((lookup) => lookup.kind === 'token');
  const position = found.find((lookup) => lookup.kind === 'position');
  return { token: token === undefined ? undefined : scaled(view, token.output), position: position?.output };
}
