import type { Attention } from './attention.ts';
import { decomposedAttention } from './attention-decomposed.ts';
import { fusedAttention } from './attention-fused.ts';
import { type Linear, linearBehind } from './linear.ts';
import type { Norm } from './norm.ts';
import { type Join, origin, residualStream, type Stream } from './residual.ts';
import type { View } from './view.ts';

/** One branch of a block and the join that adds it to the stream. */
export interface Branch {
  readonly join: Join;
  /** The tensor that is added: the join's branch, or one half of it in a parallel block. */
  readonly output: string;
  readonly attention?: Attention;
  /** The last projection of the branch, if it ends in one. */
  readonly projection?: Linear;
  /** A norm stands between that projection and the sum. */
  readonly isNormed: boolean;
}

export interface Block {
  readonly attention?: Branch;
  readonly cross?: Branch;
  readonly mlp?: Branch;
  readonly parallel: boolean;
  /** First and last join of the block. */
  readonly first: Join;
  readonly last: Join;
}

/** One transformer in a graph: its blocks along the stream and what stands before and after. */
export interface Structure {
  readonly blocks: readonly Block[];
  readonly start: string;
  readonly end: string;
  /** Norms stand after the sums instead of before the branches. */
  readonly postNorm: boolean;
  readonly finalNorm?: Norm;
}

/** All transformers of a graph, the one nearest to its outputs first, and attentions that belong to none. */
export interface Structures {
  readonly stacks: readonly Structure[];
  readonly loose: readonly Attention[];
}

function findAttentions(view: View): Attention[] {
  const found: Attention[] = [];
  for (const node of view.index.nodes) {
    const attention = node.op === 'Softmax' ? decomposedAttention(view, node) : fusedAttention(view, node);
    if (attention !== undefined) found.push(attention);
  }
  return found;
}

/** The last projection of a branch, behind its scales and post-norms. */
function lastProjection({ index, norms }: View, output: string): { linear?: Linear; isNormed: boolean } {
  let at = output;
  let isNormed = false;
  for (let steps = 0; steps < 4; steps++) {
    const linear = linearBehind(index, at);
    if (linear !== undefined) return { linear, isNormed };
    const norm = norms.behind(origin(index, at));
    if (norm === undefined) break;
    isNormed = true;
    at = norm.input;
  }
  return { isNormed };
}

/** In a parallel block attention and MLP are added to each other first. */
function halves(
  { index }: View,
  join: Join,
  attention: Attention,
): { attention: string; mlp: string } | undefined {
  const add = index.producer(origin(index, join.branch));
  if (add?.op !== 'Add') return undefined;
  const [a = '', b = ''] = add.inputs;
  if (index.isConstant(a) || index.isConstant(b)) return undefined;
  const left = index.dependsOn(a, attention.output);
  const right = index.dependsOn(b, attention.output);
  if (left === right) return undefined;
  return left ? { attention: a, mlp: b } : { attention: b, mlp: a };
}

/**
 * The norm that a branch reads the stream through: the one its projections read (`sources`), or the one between the
 * stream and the branch.
 */
export function normInto(
  { index, norms }: View,
  sources: readonly (string | undefined)[],
  { join, output }: Branch,
): Norm | undefined {
  for (const source of sources) {
    const norm = source === undefined ? undefined : norms.behind(origin(index, source));
    // A norm whose output is the stream itself stands before the block: that of the embeddings.
    const isBefore = norm !== undefined && norms.behind(origin(index, join.stream)) === norm;
    if (norm !== undefined) return isBefore ? undefined : norm;
  }
  if (sources.some((source) => source !== undefined)) return undefined;
  const read = join.parallelTo ?? join.stream;
  return norms.after(read).find((norm) => index.dependsOn(output, norm.output));
}

function branchAt(view: View, join: Join, output: string, attention?: Attention): Branch {
  const { linear, isNormed } = lastProjection(view, output);
  return {
    join,
    output,
    isNormed,
    ...(attention === undefined ? {} : { attention }),
    ...(linear === undefined ? {} : { projection: linear }),
  };
}

function isConvolution(view: View, { branch }: Join): boolean {
  const { linear } = lastProjection(view, branch);
  return linear === undefined || linear.node.op.endsWith('Conv');
}

/** A block begins with self-attention; cross attention and MLP follow it. */
function blocksOf(view: View, { joins }: Stream, attentions: readonly Attention[]): Block[] {
  const { index } = view;
  const blocks: Block[] = [];
  let open: { -readonly [Key in keyof Block]: Block[Key] } | undefined;
  const close = (): void => {
    if (open !== undefined) blocks.push(open);
    open = undefined;
  };
  for (const join of joins) {
    const attention = attentions.findLast(
      (each) => index.dependsOn(join.branch, each.output) && !index.dependsOn(join.stream, each.output),
    );
    if (attention === undefined) {
      // Sound encoders convolve positions into the stream before the first block.
      if (blocks.length === 0 && open === undefined && isConvolution(view, join)) continue;
      open ??= { first: join, last: join, parallel: false };
      open.mlp = branchAt(view, join, join.branch);
      open.last = join;
      open.parallel ||= join.parallelTo !== undefined;
      close();
      continue;
    }
    const isCross = !index.dependsOn(attention.keyOperand, join.stream);
    if (isCross && open !== undefined) {
      open.cross = branchAt(view, join, join.branch, attention);
      open.last = join;
      continue;
    }
    close();
    const both = halves(view, join, attention);
    const branch = branchAt(view, join, both?.attention ?? join.branch, attention);
    open = { first: join, last: join, attention: branch, parallel: both !== undefined };
    if (both !== undefined) open.mlp = branchAt(view, join, both.mlp);
  }
  close();
  return blocks;
}

const attentionsOf = (blocks: readonly Block[]): Attention[] =>
  blocks
    .flatMap(({ attention, cross }) => [attention?.attention, cross?.attention])
    .filter((each) => each !== undefined);

export function understand(view: View): Structures {
  const { index, norms } = view;
  const stacks: Structure[] = [];
  let left: readonly Attention[] = findAttentions(view);
  for (;;) {
    const stream = residualStream(view, left);
    if (stream === undefined) return { stacks, loose: left };
    const blocks = blocksOf(view, stream, left);
    const taken = new Set(attentionsOf(blocks));
    if (taken.size === 0) return { stacks, loose: left };
    left = left.filter((each) => !taken.has(each));
    const postNorm = stream.joins
      .slice(1)
      .some((join) => norms.behind(origin(index, join.stream)) !== undefined);
    // An operator may add the last branch and normalise at once.
    const finalNorm = norms.after(stream.end)[0] ?? (postNorm ? undefined : stream.joins.at(-1)?.normed);
    stacks.push({
      blocks,
      start: blocks[0]?.first.stream ?? stream.start,
      end: stream.end,
      postNorm,
      ...(finalNorm === undefined ? {} : { finalNorm }),
    });
  }
}
