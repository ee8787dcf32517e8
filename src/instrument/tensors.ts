import type { Hook } from '../shared/hook.ts';
import type { Draft } from './draft.ts';
import { subgraphs } from './graph.ts';
import type { Graph, Node } from './onnx.ts';
import type { View } from './view.ts';

/** Where a tensor is made: in the graph itself, in every branch of an `If`, or where nothing gets out of. */
type Place =
  | { readonly kind: 'graph' }
  | { readonly kind: 'branches'; readonly node: Node }
  | { readonly kind: 'inside'; readonly reason: string };

const madeIn = (graph: Graph): readonly string[] =>
  graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ''));

const madeAnywhereIn = (graph: Graph): readonly string[] => [
  ...madeIn(graph),
  ...graph.nodes.flatMap((node) => subgraphs(node).flatMap(madeAnywhereIn)),
];

export const onlyInOneBranch = 'it is in one branch of the model only';
export const insideOf = (node: Node): string =>
  `it is computed inside a ${node.op}, which gives out only what its own outputs name`;

/** Every tensor that a node makes, at whatever depth. */
function placesOf(graph: Graph): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  for (const node of graph.nodes) {
    const inner = subgraphs(node);
    const reason = node.op === 'If' ? onlyInOneBranch : insideOf(node);
    for (const name of inner.flatMap(madeAnywhereIn)) places.set(name, { kind: 'inside', reason });
    const [first, ...rest] = node.op === 'If' ? inner.map((each) => new Set(madeIn(each))) : [];
    for (const name of first ?? [])
      if (rest.length > 0 && rest.every((each) => each.has(name)))
        places.set(name, { kind: 'branches', node });
  }
  for (const name of madeIn(graph)) places.set(name, { kind: 'graph' });
  return places;
}

/** The tensors of a graph by their own names. */
export class RawTensors {
  readonly #view: View;
  readonly #places: ReadonlyMap<string, Place>;

  constructor(view: View) {
    this.#view = view;
    this.#places = placesOf(view.index.graph);
  }

  hooks(): readonly Hook[] {
    return [...this.#places.keys()].flatMap((tensor) => {
      const draft = this.draft(tensor);
      return draft === undefined ? [] : [{ name: draft.name, dims: draft.dims, source: draft.source }];
    });
  }

  draft(tensor: string): Draft | undefined {
    const place = this.#places.get(tensor);
    const name = `raw:${tensor}`;
    if (place === undefined) return undefined;
    if (place.kind === 'inside')
      return { name, dims: [], source: { kind: 'unavailable', reason: place.reason } };
    const { shapes } = this.#view;
    const one: Draft = {
      name,
      dims: shapes.dims(tensor) ?? [],
      source: { kind: 'tap', tensor },
      recipe: () => tensor,
    };
    if (place.kind === 'graph') return one;
    const { node } = place;
    return { ...one, branches: { node, drafts: new Map(subgraphs(node).map((each) => [each, one])) } };
  }
}
