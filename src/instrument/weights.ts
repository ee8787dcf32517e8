import { dataOf, subgraphs } from './graph.ts';
import type { Weight, WeightsAs } from './instrumented.ts';
import { byteLength, type Constant, type Graph, type Model, smallestWeight } from './onnx.ts';

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

/** Both branches of a merged decoder bring their own copy of what they share. */
function isSame(model: Model, a: Constant, b: Constant): boolean {
  if (a.type !== b.type || a.dims.join() !== b.dims.join()) return false;
  const [left, right] = [dataOf(model, a), dataOf(model, b)];
  return left !== undefined && right !== undefined && left.every((byte, at) => byte === right[at]);
}

/**
 * The weights that move, of a graph and of the graphs inside it. Those of inner graphs move to the outermost one, since a
 * runtime feeds and mounts nothing deeper; there, one name can stand for one weight only.
 */
export function weightsOf(
  model: Model,
  graph: Graph,
  file: string,
  as: WeightsAs,
  taken = new Map<string, Constant>(),
): PlacedWeights {
  const own = new Map<string, Weight>();
  for (const constant of graph.initializers.values()) {
    const weight = as === 'published' ? undefined : weightOf(constant, file);
    if (weight === undefined || (as === 'inputs' && !feedable.has(weight.type))) continue;
    const known = taken.get(weight.name);
    if (known !== undefined && !isSame(model, known, constant)) continue;
    taken.set(weight.name, known ?? constant);
    own.set(weight.name, weight);
  }
  const inner = new Map<Graph, PlacedWeights>();
  for (const node of graph.nodes) {
    for (const each of subgraphs(node)) inner.set(each, weightsOf(model, each, file, as, taken));
  }
  return { own, inner };
}

/** Every weight once. */
export function allWeights(placed: PlacedWeights): Weight[] {
  const named = new Map(placed.own);
  for (const each of placed.inner.values())
    for (const weight of allWeights(each)) if (!named.has(weight.name)) named.set(weight.name, weight);
  return [...named.values()];
}
