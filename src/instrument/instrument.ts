import type { Hook } from '../shared/hook.ts';
import { cacheOf } from './describe.ts';
import type { Draft } from './draft.ts';
import { editGraph } from './edit.ts';
import { inlineFunctions } from './inline.ts';
import type { Instrumented, KeyedPattern, Port } from './instrumented.ts';
import type { Graph, ValueInfo } from './onnx.ts';
import { rawGraph } from './raw.ts';
import { readModel } from './read.ts';
import { readGraphs } from './reading.ts';
import { resolveHooks, unavailableHook, unknownHook } from './resolve.ts';
import { RawTensors } from './tensors.ts';

export interface InstrumentOptions {
  /** Path of the file, as `externalData` will name it: `model.onnx`. */
  readonly file: string;
  /** Bytes of external data files by path: small constants are read from them, weights only referred to. */
  readonly external?: ReadonlyMap<string, Uint8Array>;
  /** From config.json: used only where the graph leaves the number of heads open (a Reshape by run-time sizes). */
  readonly heads?: number;
}

const port = ({ name, type, dims }: ValueInfo): Port => ({ name, type, dims: dims ?? [] });

/**
 * Reads a model and finds its transformer. Pure: no session is made and no weight is decoded.
 * @throws SondeError `model_invalid`
 */
export function instrument(model: Uint8Array, options: InstrumentOptions): Instrumented {
  const published = readModel(model, options.external);
  const inlined = inlineFunctions(published, options.file);
  const read = inlined === undefined ? published : readModel(inlined, options.external);
  const { graph } = read;
  const reading = readGraphs(read, options.file, options.heads);
  const hooks: Hook[] = reading.drafts.map(({ name, dims, source }) => ({ name, dims, source }));
  const byName = new Map(reading.drafts.map((draft) => [draft.name, draft]));
  let found: RawTensors | undefined;
  const tensors = (): RawTensors => {
    found ??= new RawTensors(reading.view);
    return found;
  };
  const known = (name: string): Draft | undefined =>
    name.startsWith('raw:') ? tensors().draft(name.slice(4)) : byName.get(name);
  const draft = (name: string): Draft => {
    const wanted = known(name);
    const others = (): readonly Hook[] => (name.startsWith('raw:') ? tensors().hooks() : hooks);
    if (wanted === undefined)
      throw unknownHook(
        name,
        others().map((each) => each.name),
      );
    if (wanted.source.kind === 'unavailable') throw unavailableHook(wanted, others());
    return wanted;
  };
  return {
    anatomy: { ...reading.anatomy, cache: cacheOf(graph) },
    inputs: graph.inputs.filter((input) => !graph.initializers.has(input.name)).map(port),
    outputs: graph.outputs.map(port),
    hooks,
    keyed: keyedPatterns(reading.drafts, graph),
    raw: () => rawGraph(options.file, reading.view.index),
    has: (hook) => (known(hook)?.source.kind ?? 'unavailable') !== 'unavailable',
    resolve: (patterns) => resolveHooks(patterns, hooks, () => tensors().hooks()),
    edit: (plan, weights, constants) =>
      editGraph({ file: options.file, view: reading.view, draft }, plan, weights, constants),
  };
}

/** Of one sequence the queries are the last tokens, so patterns need no more than their queries and the cached keys. */
function keyedPatterns(drafts: readonly Draft[], graph: Graph): ReadonlyMap<string, KeyedPattern> {
  const there = drafts.filter(({ source }) => source.kind !== 'unavailable').map(({ name }) => name);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  return new Map(
    drafts.flatMap(({ name, keyed }) => {
      if (keyed === undefined || !outputs.has(keyed.keys)) return [];
      const [queries] = ['hook_rot_q', 'hook_q']
        .map((hook) => name.replace('hook_pattern', hook))
        .filter((hook) => there.includes(hook));
      return queries === undefined ? [] : [[name, { ...keyed, queries }] as const];
    }),
  );
}
