import type { Hook } from '../shared/hook.ts';
import { cacheOf } from './describe.ts';
import type { Draft } from './draft.ts';
import { editGraph } from './edit.ts';
import { subgraphs } from './graph.ts';
import type { Instrumented, Port } from './instrumented.ts';
import type { Graph, ValueInfo } from './onnx.ts';
import { rawGraph } from './raw.ts';
import { readModel } from './read.ts';
import { type Reading, readGraphs } from './reading.ts';
import { resolveHooks, unavailableHook, unknownHook } from './resolve.ts';

export interface InstrumentOptions {
  /** Path of the file, as `externalData` will name it: `model.onnx`. */
  readonly file: string;
  /** Bytes of external data files by path: small constants are read from them, weights only referred to. */
  readonly external?: ReadonlyMap<string, Uint8Array>;
  /** From config.json: used only where the graph leaves the number of heads open (a Reshape by run-time sizes). */
  readonly heads?: number;
}

const port = ({ name, type, dims }: ValueInfo): Port => ({ name, type, dims: dims ?? [] });

const madeIn = (graph: Graph): string[] =>
  graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ''));

/** A tensor by its own name; in the branches of an `If` where both make it. */
function rawDraft({ view }: Reading, tensor: string): Draft | undefined {
  const { graph } = view.index;
  const one: Draft = {
    name: `raw:${tensor}`,
    dims: view.shapes.dims(tensor) ?? [],
    source: { kind: 'tap', tensor },
    recipe: () => tensor,
  };
  if (view.index.producer(tensor) !== undefined) return one;
  for (const node of graph.nodes) {
    const inner = node.op === 'If' ? subgraphs(node) : [];
    const isMade = inner.length > 0 && inner.every((each) => madeIn(each).includes(tensor));
    if (isMade) return { ...one, branches: { node, drafts: new Map(inner.map((each) => [each, one])) } };
  }
  return undefined;
}

/**
 * Reads a model and finds its transformer. Pure: no session is made and no weight is decoded.
 * @throws SondeError `model_invalid`
 */
export function instrument(model: Uint8Array, options: InstrumentOptions): Instrumented {
  const read = readModel(model, options.external);
  const { graph } = read;
  const reading = readGraphs(read, options.file, options.heads);
  const hooks: Hook[] = reading.drafts.map(({ name, dims, source }) => ({ name, dims, source }));
  const byName = new Map(reading.drafts.map((draft) => [draft.name, draft]));
  const tensors = (): string[] => [
    ...new Set([...madeIn(graph), ...graph.nodes.flatMap((node) => subgraphs(node).flatMap(madeIn))]),
  ];
  const draft = (name: string): Draft => {
    const raw = name.startsWith('raw:');
    const found = raw ? rawDraft(reading, name.slice(4)) : byName.get(name);
    if (found === undefined) {
      throw unknownHook(name, raw ? tensors().map((each) => `raw:${each}`) : [...byName.keys()]);
    }
    if (found.source.kind === 'unavailable') throw unavailableHook(found, hooks);
    return found;
  };
  return {
    anatomy: { ...reading.anatomy, cache: cacheOf(graph) },
    inputs: graph.inputs.filter((input) => !graph.initializers.has(input.name)).map(port),
    outputs: graph.outputs.map(port),
    hooks,
    raw: () => rawGraph(options.file, reading.view.index),
    resolve: (patterns) => resolveHooks(patterns, hooks, tensors),
    edit: (plan, weights) => editGraph({ file: options.file, view: reading.view, draft }, plan, weights),
  };
}
