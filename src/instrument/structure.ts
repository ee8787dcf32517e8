import type { Attention } from './attention.ts';
import { decomposedAttention } from './attention-decomposed.ts';
import type { GraphIndex } from './graph.ts';
import { type Linear, linearBehind } from './linear.ts';
import { type Norm, normBehind } from './norm.ts';
import { type Join, origin, residualStream } from './residual.ts';
import type { Shapes } from './shape.ts';

/** One branch of a block and the join that adds it to the stream. */
export interface Branch {
  readonly join: Join;
  /** The tensor that is added: the join's branch, or one half of it in a parallel block. */
  readonly output: string;
  readonly attention?: Attention;
  /** The last projection of the branch, if it ends in one. */
  readonly projection?: Linear;
  /** The norm that its input comes through. */
  readonly norm?: Norm;
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

/** The transformer in a graph: its blocks along the stream and what stands before and after. */
export interface Structure {
  readonly blocks: readonly Block[];
  readonly attentions: readonly Attention[];
  readonly start: string;
  readonly end: string;
  /** Norms stand after the sums instead of before the branches. */
  readonly postNorm: boolean;
  readonly finalNorm?: Norm;
}

export function findAttentions(index: GraphIndex, shapes: Shapes, heads?: number): Attention[] {
  const found: Attention[] = [];
  for (const node of index.nodes) {
    if (node.op !== 'Softmax') continue;
    const attention = decomposedAttention(index, shapes, node, heads);
    if (attention !== undefined) found.push(attention);
  }
  return found;
}

/** The last projection of a branch, behind its scales and post-norms. */
function lastProjection(index: GraphIndex, output: string): Linear | undefined {
  let at = output;
  for (let steps = 0; steps < 4; steps++) {
    const linear = linearBehind(index, at);
    if (linear !== undefined) return linear;
    const norm = normBehind(index, origin(index, at));
    if (norm === undefined) return undefined;
    at = norm.input;
  }
  return undefined;
}

/** In a parallel block attention and MLP are added to each other first. */
function halves(
  index: GraphIndex,
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

/** The norm between the stream and what a branch reads. */
function normInto(index: GraphIndex, source: string | undefined): Norm | undefined {
  return source === undefined ? undefined : normBehind(index, origin(index, source));
}

export function understand(index: GraphIndex, shapes: Shapes, heads?: number): Structure | undefined {
  const attentions = findAttentions(index, shapes, heads);
  const stream = residualStream(index, attentions);
  if (stream === undefined) return undefined;
  const blocks: Block[] = [];
  let open: { -readonly [Key in keyof Block]?: Block[Key] } | undefined;
  const close = (): void => {
    if (open?.first && open.last)
      blocks.push({ parallel: false, ...open, first: open.first, last: open.last });
    open = undefined;
  };
  const branchOf = (join: Join, output: string, attention?: Attention): Branch => {
    const projection = lastProjection(index, output);
    return {
      join,
      output,
      ...(attention === undefined ? {} : { attention }),
      ...(projection === undefined ? {} : { projection }),
    };
  };
  for (const join of stream.joins) {
    const attention = attentions.find(
      (each) => index.dependsOn(join.branch, each.output) && !index.dependsOn(join.stream, each.output),
    );
    if (attention === undefined) {
      open ??= { first: join };
      open.mlp = branchOf(join, join.branch);
      open.last = join;
      if (join.parallelTo !== undefined) open.parallel = true;
      close();
      continue;
    }
    const isCross = !index.dependsOn(attention.keyOperand, join.stream);
    if (isCross && open !== undefined) {
      open.cross = branchOf(join, join.branch, attention);
      open.last = join;
      continue;
    }
    close();
    const both = halves(index, join, attention);
    open = { first: join, last: join, attention: branchOf(join, both?.attention ?? join.branch, attention) };
    if (both !== undefined) {
      open.mlp = branchOf(join, both.mlp);
      open.parallel = true;
    }
  }
  close();
  const first = blocks[0]?.attention;
  const entering = normInto(index, first?.attention?.q.source);
  const postNorm =
    blocks.length > 0 && !(entering !== undefined && readsStream(index, entering, first?.join.stream));
  const finalNorm = normAfter(index, stream.end);
  return {
    blocks: blocks.map((block) => withNorms(index, block)),
    attentions,
    start: stream.start,
    end: stream.end,
    postNorm,
    ...(finalNorm === undefined ? {} : { finalNorm }),
  };
}

function readsStream(index: GraphIndex, norm: Norm, stream: string | undefined): boolean {
  return stream !== undefined && norm.input !== '' && origin(index, norm.input) === origin(index, stream);
}

/** The norm that reads a tensor, directly or after a change of layout. */
export function normAfter(index: GraphIndex, tensor: string): Norm | undefined {
  for (const node of index.consumers(tensor)) {
    const norm = normBehind(index, node.outputs[0] ?? '');
    if (norm?.input === tensor) return norm;
  }
  return undefined;
}

function withNorms(index: GraphIndex, block: Block): Block {
  const into = (branch: Branch | undefined, source: string | undefined): Branch | undefined => {
    const norm = normInto(index, source);
    return branch === undefined || norm === undefined ? branch : { ...branch, norm };
  };
  const attention = into(block.attention, block.attention?.attention?.q.source);
  const cross = into(block.cross, block.cross?.attention?.q.source);
  return {
    ...block,
    ...(attention === undefined ? {} : { attention }),
    ...(cross === undefined ? {} : { cross }),
  };
}
