import { branchMark, type GraphNode, type RawGraph } from '../shared/graph.ts';

/** What an operator does, coarsely: for colour, not for judgement. */
export type Family = 'attention' | 'product' | 'norm' | 'arithmetic' | 'shape' | 'other';

const families: Readonly<Record<Exclude<Family, 'other'>, RegExp>> = {
  attention: /Attention|^Softmax$|RotaryEmbedding/,
  product: /^(MatMul|Gemm|Conv|Einsum|FusedMatMul|DynamicQuantizeMatMul|Gather)|MatMul/,
  norm: /Normalization|LayerNorm/,
  arithmetic:
    /^(Add|Sub|Mul|Div|Pow|Sqrt|Erf|Tanh|Sigmoid|Gelu|FastGelu|QuickGelu|BiasGelu|Relu|ReduceMean|Exp|Neg|Sin|Cos|Where|Clip)$/,
  shape:
    /^(Shape|Reshape|Transpose|Unsqueeze|Squeeze|Slice|Concat|Split|Expand|Cast|Constant|ConstantOfShape|Range|Identity|Flatten|Tile|Pad|Equal|Less|Greater|And|Or|Not|Gather)/,
};

export function familyOf(op: string): Family {
  for (const [family, pattern] of Object.entries(families))
    if (pattern.test(op)) return family as Exclude<Family, 'other'>;
  return 'other';
}

/** A node with its place: one below all it reads. */
export interface PlacedNode {
  readonly index: number;
  readonly node: GraphNode;
  readonly layer: number;
  /** The how-manieth of its layer, from 0. */
  readonly lane: number;
  readonly title: string;
}

/** A graph with its edges. Built in one pass over the nodes, which come after what they read. */
export interface GraphMap {
  readonly graph: RawGraph;
  readonly nodes: readonly PlacedNode[];
  readonly layers: number;
  /** Nodes of the fullest layer. */
  readonly lanes: number;
  before(index: number): readonly number[];
  after(index: number): readonly number[];
  /** The first node that makes a tensor of that name; the first that reads it where it is an input or a weight. */
  node(tensor: string): number | undefined;
}

export function mapGraph(graph: RawGraph): GraphMap {
  const makers = new Map<string, number>();
  const first = new Map<string, number>();
  const reader = new Map<string, number>();
  const before: number[][] = [];
  const after: number[][] = [];
  const layerOf: number[] = [];
  for (const [index, node] of graph.nodes.entries()) {
    const read = new Set(node.inputs.flatMap((input) => makerIn(makers, node.within, input) ?? []));
    before.push([...read]);
    after.push([]);
    for (const from of read) after[from]?.push(index);
    layerOf.push(Math.max(-1, ...[...read].map((from) => layerOf[from] ?? 0)) + 1);
    for (const input of node.inputs) if (!reader.has(input)) reader.set(input, index);
    for (const output of node.outputs) {
      if (output === '') continue;
      makers.set(scoped(node.within, output), index);
      if (!first.has(output)) first.set(output, index);
    }
  }
  // What reads nothing could stand anywhere above its reader; right above it tells most.
  for (const [index, read] of before.entries()) {
    const readers = (after[index] ?? []).map((reader) => layerOf[reader] ?? 0);
    if (read.length === 0 && readers.length > 0) layerOf[index] = Math.max(0, Math.min(...readers) - 1);
  }
  const filled: number[] = [];
  const nodes = graph.nodes.map((node, index): PlacedNode => {
    const layer = layerOf[index] ?? 0;
    const lane = filled[layer] ?? 0;
    filled[layer] = lane + 1;
    return { index, node, layer, lane, title: node.name || (node.outputs[0] ?? node.op) };
  });
  return {
    graph,
    nodes,
    layers: filled.length,
    lanes: Math.max(0, ...filled),
    before: (index) => before[index] ?? [],
    after: (index) => after[index] ?? [],
    node: (tensor) => first.get(tensor) ?? reader.get(tensor),
  };
}

const scoped = (within: string | undefined, tensor: string): string => `${within ?? ''}\n${tensor}`;

/** A branch sees its own tensors, and those of every graph around it. */
function makerIn(
  makers: ReadonlyMap<string, number>,
  within: string | undefined,
  tensor: string,
): number | undefined {
  if (tensor === '') return undefined;
  for (let scope = within ?? ''; ; scope = scope.slice(0, Math.max(0, scope.lastIndexOf(branchMark)))) {
    const found = makers.get(scoped(scope, tensor));
    if (found !== undefined || scope === '') return found;
  }
}

/** Nodes whose operator, name or tensors hold every word of the query, in running order. */
export function search({ nodes }: GraphMap, query: string): readonly PlacedNode[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return nodes;
  return nodes.filter(({ node }) => {
    const text = `${node.op} ${node.name} ${node.inputs.join(' ')} ${node.outputs.join(' ')}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
