import type { EditedGraph, GraphPlan, Instrumented } from '../instrument/instrumented.ts';
import { canonicalJson, type Json } from '../shared/digest.ts';
import { SondeError } from '../shared/errors.ts';
import { emptyPlan } from '../shared/plan.ts';
import { nameFault } from './fault.ts';
import { generates } from './generates.ts';
import type { Gpu } from './gpu.ts';
import type {
  OrtFetches,
  OrtRunOptions,
  OrtSession,
  OrtSessionOptions,
  OrtTensor,
  Runtime,
} from './runtime.ts';
import { type SharedWeights, shareWeights, type WeightFiles, weightBytes } from './weights.ts';

export type Feeds = Record<string, OrtTensor>;
export type Fetches = Readonly<Record<string, OrtTensor>>;

/** A session over one plan's graph. */
export interface PlanSession {
  readonly graph: EditedGraph;
  /** As onnxruntime describes them, the weights that became inputs included. */
  readonly ports: Pick<OrtSession, 'inputMetadata' | 'outputMetadata'>;
  /**
   * @param fetches all outputs, unless some are named
   * @throws SondeError `device_lost` | `out_of_memory` | `run_failed`; the session is rebuilt before its next run
   */
  run(feeds: Feeds, fetches?: OrtFetches, options?: OrtRunOptions): Promise<Fetches>;
}

/** What an application asked of a session that Sonde opens in its place. */
export interface CallerOptions {
  /** All but providers, external data and output locations. */
  readonly session: OrtSessionOptions;
  /** Of the WebGPU provider. */
  readonly provider: Readonly<Record<string, unknown>>;
  /** Where the model's own outputs lie; `cpu` where it does not say. */
  readonly locations: NonNullable<OrtSessionOptions['preferredOutputLocation']>;
}

/** The sessions of one model on one device: one weight set, a small graph for each plan. */
export interface Sessions {
  readonly device: 'webgpu' | 'wasm';
  open(plan: GraphPlan): Promise<PlanSession>;
  /** Frees the session of a plan that will not be wanted again. */
  close(plan: GraphPlan): Promise<void>;
  dispose(): Promise<void>;
}

const keyOf = (plan: GraphPlan): string => canonicalJson(plan as unknown as Json);
const emptyKey = keyOf(emptyPlan);

/** Plans kept open at once; the empty one stays, of the others the least recently used leaves first. */
const openPlans = 4;

export function openSessions(
  runtime: Runtime,
  instrumented: Instrumented,
  files: WeightFiles,
  gpu: Gpu | undefined,
  caller?: CallerOptions,
): Sessions {
  const weights = gpu === undefined ? undefined : shareWeights(runtime.ort, gpu.device, files);
  const sessions = new Map<string, Promise<OpenSession>>();

  /** Out of use, but of their outputs some are still read: an output does not outlive its session. */
  const retired = new Set<OpenSession>();
  let isDisposed = false;

  const sweep = async (isLast = false): Promise<void> => {
    for (const session of retired) {
      // A runtime that broke cannot release; the fault that broke it is the one to be told.
      if (await session.release(isLast).catch(() => true)) retired.delete(session);
    }
  };
  const retire = async (key: string, session: Promise<OpenSession>): Promise<void> => {
    if (sessions.get(key) === session) sessions.delete(key);
    const opened = await session.catch(() => undefined);
    if (opened !== undefined) retired.add(opened);
    await sweep();
  };
  /** The session of a plan, the most recently used from now on; another one may have to leave for it. */
  const reach = async (key: string, plan: GraphPlan): Promise<[Promise<OpenSession>, OpenSession]> => {
    if (isDisposed) throw new SondeError('disposed', 'This model was disposed.', 'Load it again.');
    const session = sessions.get(key) ?? create(runtime, instrumented, files, gpu, weights, plan, caller);
    sessions.delete(key);
    sessions.set(key, session);
    const [oldest] = [...sessions].filter(([each]) => each !== emptyKey);
    if (sessions.size > openPlans && oldest !== undefined) await retire(...oldest);
    try {
      return [session, await session];
    } catch (error) {
      if (sessions.get(key) === session) sessions.delete(key);
      throw error;
    }
  };

  return {
    device: gpu === undefined ? 'wasm' : 'webgpu',
    async close(plan) {
      const key = keyOf(plan);
      const session = sessions.get(key);
      if (session !== undefined) await retire(key, session);
    },
    async open(plan) {
      const key = keyOf(plan);
      const [, { graph, ports }] = await reach(key, plan);
      return {
        graph,
        ports,
        // The session may have left for another plan's, or failed, since this one was opened or last ran.
        async run(...call) {
          const [session, opened] = await reach(key, plan);
          try {
            return await opened.run(...call);
          } catch (error) {
            // A failed run poisons an IO-bound session: later valid runs would replay its inputs.
            await retire(key, session);
            throw error;
          }
        },
      };
    },
    async dispose() {
      isDisposed = true;
      await Promise.all([...sessions].map((each) => retire(...each)));
      await sweep(true);
      weights?.dispose();
    },
  };
}

interface OpenSession extends PlanSession {
  /**
   * Not while an output is left on the GPU that nobody has freed, except by force: then that is freed too.
   * @returns whether it is released
   */
  release(isForced: boolean): Promise<boolean>;
}

async function create(
  runtime: Runtime,
  instrumented: Instrumented,
  files: WeightFiles,
  gpu: Gpu | undefined,
  weights: SharedWeights | undefined,
  plan: GraphPlan,
  caller: CallerOptions | undefined,
): Promise<OpenSession> {
  const graph = instrumented.edit(plan, weights === undefined ? 'external' : 'inputs');
  const own = instrumented.outputs.map(({ name }) => name);
  // A tap may be an output of the model's own, such as the logits: those are read in every run anyway.
  const taps = graph.taps.map(({ output }) => output).filter((output) => !own.includes(output));
  const { cache, logits } = instrumented.anatomy;
  // A decoder's logits are reduced where they lie, and of a cache nothing is ever read.
  const kept = generates(instrumented.anatomy) && logits !== undefined ? [logits] : [];
  const stays = new Set([...taps, ...kept, ...cache.map(({ present }) => present)]);
  const outputs = [...own, ...taps];
  const locationOf = (name: string): OrtTensor['location'] => {
    if (caller === undefined || !own.includes(name)) return stays.has(name) ? 'gpu-buffer' : 'cpu';
    return typeof caller.locations === 'string' ? caller.locations : (caller.locations[name] ?? 'cpu');
  };
  const nameable = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw await nameFault(cause, what, gpu);
    }
  };
  const named = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    runtime.exclusive(() => nameable(what, work));
  const unset = 'The model could not be set up on this device.';
  await nameable(unset, () => runtime.start());
  const fixed: Feeds = await named(unset, async () =>
    weights === undefined
      ? {}
      : Object.fromEntries(graph.weights.map((weight) => [weight.name, weights.tensor(weight)])),
  );
  const session = await named(unset, () =>
    runtime.ort.InferenceSession.create(graph.bytes, {
      logSeverityLevel: 3,
      ...caller?.session,
      executionProviders:
        gpu === undefined ? ['wasm'] : [{ ...caller?.provider, name: 'webgpu', device: gpu.device }],
      ...(gpu === undefined
        ? { externalData: externalFiles(files) }
        : {
            preferredOutputLocation: Object.fromEntries(
              outputs.map((name) => [name, locationOf(name)] as const),
            ),
          }),
    }),
  );
  let given: OrtTensor[] = [];
  let mostGiven = 64;
  const left = (): OrtTensor[] => given.filter(({ location }) => location === 'gpu-buffer');
  return {
    graph,
    ports: session,
    run: (feeds, fetches, options) =>
      named('The model did not run to its end.', async () => {
        const all = { ...fixed, ...feeds };
        const out = await (fetches === undefined
          ? session.run(all, options)
          : session.run(all, fetches, options));
        if (gpu !== undefined) given.push(...Object.values(out));
        if (given.length > mostGiven) {
          given = left();
          mostGiven = 2 * given.length + 64;
        }
        return out;
      }),
    release: (isForced) =>
      runtime.exclusive(async () => {
        if (!isForced && left().length > 0) return false;
        for (const tensor of left()) tensor.dispose();
        await session.release();
        return true;
      }),
  };

  function externalFiles(from: WeightFiles): { path: string; data: Uint8Array }[] {
    const named = new Set(graph.weights.map(({ file }) => file));
    for (const weight of graph.weights) weightBytes(from, weight);
    return [[from.file, from.graph] as const, ...from.external]
      .filter(([path]) => named.has(path) || from.external.has(path))
      .map(([path, data]) => ({ path, data }));
  }
}
