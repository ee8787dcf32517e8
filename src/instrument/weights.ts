import { subgraphs } from './graph.ts';
import type { Weight } from './instrumented.ts';
import { byteLength, type Constant, type Graph, smallestWeight } from './onnx.ts';

/** Element types that a session takes as a fed tensor on every provider. */
const feedable = new Set(['float', 'float16', 'uint8']);

/** Where the bytes of a large constant lie; undefined for a small one, or one stored element by element. */
export function weightOf(constant: Constant, file: string): Weight | undefined {
  const { name, type, dims, data, external } = constant;
  if (external !== undefined) {
    const length = external.length ?? byteLength(dims, type);
    return length < smallestWeight
      ? undefined
      : { name, type, dims, file: external.location, offset: external.offset, length };
  }
  if (data === undefined || data.end - data.start < smallestWeight) return undefined;
  return { name, type, dims, file, offset: data.start, length: data.end - data.start };
}

export interface PlacedWeights {
  readonly own: ReadonlyMap<string, Weight>;
  readonly inner: ReadonlyMap<Graph, PlacedWeights>;
}

/** The weights of a graph and of the graphs inside it. As inputs, one name can stand for one weight only. */
export function weightsOf(
  graph: Graph,
  file: string,
  as: 'inputs' | 'external',
  taken = new Set<string>(),
): PlacedWeights {
  const own = new Map<string, Weight>();
  for (const constant of graph.initializers.values()) {
    const weight = weightOf(constant, file);
    if (weight === undefined) continue;
    if (as === 'inputs' && (!feedable.has(weight.type) || taken.has(weight.name))) continue;
    taken.add(weight.name);
    own.set(weight.name, weight);
  }
  const inner = new Map<Graph, PlacedWeights>();
  for (const node of graph.nodes) {
    for (const each of subgraphs(node)) inner.set(each, weightsOf(each, file, as, taken));
  }
  return { own, inner };
}

export function allWeights(placed: PlacedWeights): Weight[] {
  return [...placed.own.values(), ...[...placed.inner.values()].flatMap(allWeights)];
}
