import { branchMark, type GraphNode, type RawGraph } from '../shared/graph.ts';
import type { GraphIndex } from './graph.ts';
import type { Graph, Node } from './onnx.ts';

/** The graph as plain data, in running order; the nodes of a subgraph stand behind the node that runs it. */
export function rawGraph(file: string, { graph, nodes }: GraphIndex): RawGraph {
  return {
    file,
    inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)).map(({ name }) => name),
    outputs: graph.outputs.map(({ name }) => name),
    nodes: nodes.flatMap((node) => plainNodes(node)),
  };
}

function plainNodes(node: Node, within?: string): GraphNode[] {
  const { op, domain, name, inputs, outputs } = node;
  const plain = { op, domain, name, inputs, outputs, ...(within === undefined ? {} : { within }) };
  const inner = [...node.attributes.values()].flatMap(({ name: branch, graph }) =>
    graph === undefined ? [] : plainGraph(graph, `${within ?? ''}${branchMark}${name || op} ${branch}`),
  );
  return [plain, ...inner];
}

const plainGraph = (graph: Graph, within: string): GraphNode[] =>
  graph.nodes.flatMap((node) => plainNodes(node, within));
