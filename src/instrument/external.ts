import type { Attribute, Constant, Graph, Node } from './onnx.ts';
import { readModel } from './read.ts';

function* inNodes(nodes: readonly Node[]): Generator<Constant> {
  for (const { attributes } of nodes)
    for (const attribute of attributes.values()) yield* inAttribute(attribute);
}

function* inAttribute({ tensor, graph }: Attribute): Generator<Constant> {
  if (tensor !== undefined) yield tensor;
  if (graph !== undefined) yield* inGraph(graph);
}

function* inGraph({ initializers, nodes }: Graph): Generator<Constant> {
  yield* initializers.values();
  yield* inNodes(nodes);
}

/**
 * The files in which a model says that its weights lie, by location relative to its own folder.
 * @throws SondeError `model_invalid`
 */
export function externalLocations(bytes: Uint8Array): readonly string[] {
  const { graph, functions } = readModel(bytes);
  const constants = [...inGraph(graph), ...functions.flatMap(({ nodes }) => [...inNodes(nodes)])];
  return [
    ...new Set(constants.flatMap(({ external }) => (external === undefined ? [] : [external.location]))),
  ];
}
