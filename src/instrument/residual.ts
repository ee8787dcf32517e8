import type { Attention } from './attention.ts';
import type { GraphIndex } from './graph.ts';
import { isPassing } from './linear.ts';
import type { Norm } from './norm.ts';
import type { Node } from './onnx.ts';
import type { View } from './view.ts';

/** Where a branch is added to the residual stream. */
export interface Join {
  readonly node: Node;
  /** The stream before. */
  readonly stream: string;
  /** What is added to it; `bias` is added too, where the operator has one. */
  readonly branch: string;
  readonly bias?: string;
  /** The stream after; absent where an operator adds and normalises at once and keeps the sum to itself. */
  readonly sum?: string;
  /** The branch was computed from this earlier tensor of the stream, beside the join before. */
  readonly parallelTo?: string;
  /** Its normalised output, if the operator normalises. */
  readonly normed?: Norm;
}

/** Which of two operands is the stream: the one the other was computed from. */
function orient(index: GraphIndex, a: string, b: string): { stream: string; branch: string } | undefined {
  if (index.isConstant(a) || index.isConstant(b)) return undefined;
  if (index.dependsOn(b, a)) return { stream: a, branch: b };
  if (index.dependsOn(a, b)) return { stream: b, branch: a };
  return undefined;
}

/** The join a node makes, if its two operands are a stream and what was computed from it. */
export function joinAt(view: View, node: Node): Join | undefined {
  const { index, norms } = view;
  const [a = '', b = ''] = node.inputs;
  const [first = ''] = node.outputs;
  const normed = norms.behind(first);
  if (normed?.skip !== undefined) {
    const oriented = orient(index, ...normed.skip.operands);
    if (oriented === undefined) return undefined;
    const { bias, sum } = normed.skip;
    return {
      node,
      ...oriented,
      normed,
      ...(bias === undefined ? {} : { bias }),
      ...(sum === undefined ? {} : { sum }),
    };
  }
  if (node.op !== 'Add') return undefined;
  const oriented = orient(index, a, b);
  if (oriented !== undefined) return { node, ...oriented, sum: first };
  return lateParallel(index, node, a, b) ?? lateParallel(index, node, b, a);
}

/** (stream + attention) + mlp, where the mlp read the stream before the attention was added to it. */
function lateParallel(index: GraphIndex, node: Node, stream: string, branch: string): Join | undefined {
  const behind = index.producer(origin(index, stream));
  if (behind?.op !== 'Add' || index.isConstant(branch)) return undefined;
  const [a = '', b = ''] = behind.inputs;
  const earlier = orient(index, a, b);
  if (earlier === undefined || !index.dependsOn(branch, earlier.stream)) return undefined;
  return { node, stream, branch, sum: node.outputs[0] ?? '', parallelTo: earlier.stream };
}

/** The residual stream from its first tensor to its last. */
export interface Stream {
  readonly start: string;
  readonly joins: readonly Join[];
  /** The last tensor of the stream: a sum, or its norm in a post-norm model. */
  readonly end: string;
}

/** Follows a tensor back over ops that only change layout or precision. */
export function origin(index: GraphIndex, tensor: string): string {
  let at = tensor;
  for (let node = index.producer(at); node !== undefined && isPassing(node); node = index.producer(at)) {
    at = node.inputs[0] ?? '';
  }
  return at;
}

/** The first join after an attention whose other operand the attention was computed from. */
function joinOf(view: View, attention: Attention): Join | undefined {
  const { index } = view;
  const reached = new Set([attention.output]);
  for (const node of index.nodes) {
    if (!node.inputs.some((input) => reached.has(input))) continue;
    if (node.op === 'Add' || node.op.startsWith('Skip')) {
      const join = joinAt(view, node);
      if (
        join !== undefined &&
        !reached.has(join.stream) &&
        index.dependsOn(attention.queryOperand, join.stream)
      )
        return join;
    }
    for (const output of node.outputs) reached.add(output);
  }
  return undefined;
}

/** The next join on the stream after `join`, whose stream is the sum or its norm. */
function joinAfter(view: View, join: Join): Join | undefined {
  const { index, norms } = view;
  const here = new Set<string>();
  const queue = [join.sum ?? '', join.normed?.output ?? ''];
  for (let tensor = queue.pop(); tensor !== undefined; tensor = queue.pop()) {
    if (tensor === '' || here.has(tensor)) continue;
    here.add(tensor);
    for (const node of index.consumers(tensor)) if (isPassing(node)) queue.push(node.outputs[0] ?? '');
    for (const norm of norms.after(tensor)) queue.push(norm.output);
  }
  for (const tensor of here) {
    for (const node of index.consumers(tensor)) {
      const next = node === join.node ? undefined : joinAt(view, node);
      if (next !== undefined && next.stream === tensor) return next;
    }
  }
  return undefined;
}

/** The stream that runs past the last of these attentions, found forwards to its end and backwards to its start. */
export function residualStream(view: View, attentions: readonly Attention[]): Stream | undefined {
  const { index, norms } = view;
  const last = attentions.at(-1);
  let join = last === undefined ? undefined : joinOf(view, last);
  if (join === undefined) return undefined;
  for (let next = joinAfter(view, join); next !== undefined; next = joinAfter(view, join)) join = next;
  const joins: Join[] = [join];
  let at = join.stream;
  for (;;) {
    const tensor = origin(index, at);
    const node = index.producer(tensor);
    if (node === undefined) break;
    const found = joinAt(view, node);
    if (found !== undefined) {
      joins.unshift(found);
      at = found.stream;
      continue;
    }
    const norm = norms.behind(tensor);
    if (norm === undefined || norm.input === '') break;
    const behind = index.producer(origin(index, norm.input));
    // A norm of what is no join any more is the norm of the embeddings: the stream starts after it.
    if (behind === undefined || joinAt(view, behind) === undefined) break;
    at = norm.input;
  }
  return { start: at, joins, end: join.normed?.output ?? join.sum ?? '' };
}
