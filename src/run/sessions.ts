import type { EditedGraph, Instrumented } from '../instrument/instrumented.ts';
import { canonicalJson, type Json } from '../shared/digest.ts';
import type { Plan } from '../shared/plan.ts';
import { nameFault } from './fault.ts';
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
  open(plan: Plan): Promise<PlanSession>;
  /** Frees the session of a plan that will not be wanted again. */
  close(plan: Plan): Promise<void>;
  dispose(): Promise<void>;
}

const keyOf = (plan: Plan): string => canonicalJson(plan as unknown as Json);

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

  const forget = async (key: string): Promise<void> => {
    const session = sessions.get(key);
    sessions.delete(key);
    const opened = await session?.catch(() => undefined);
    // A runtime that broke cannot release; the fault that broke it is the one to be told.
    await opened?.release().catch(() => undefined);
  };

  return {
    device: gpu === undefined ? 'wasm' : 'webgpu',
    close: (plan) => forget(keyOf(plan)),
    async open(plan) {
      const key = keyOf(plan);
      const known = sessions.get(key);
      if (known !== undefined) {
        sessions.delete(key);
        sessions.set(key, known);
      }
      const opened = known ?? create(runtime, instrumented, files, gpu, weights, plan, caller);
      sessions.set(key, opened);
      const oldest = [...sessions.keys()].find((candidate) => candidate !== key);
      if (sessions.size > openPlans && oldest !== undefined) await forget(oldest);
      try {
        const session = await opened;
        return {
          graph: session.graph,
          ports: session.ports,
          async run(...call) {
            try {
              return await session.run(...call);
            } catch (error) {
              // A failed run poisons an IO-bound session: later valid runs would replay its inputs.
              await forget(key);
              throw error;
            }
          },
        };
      } catch (error) {
        sessions.delete(key);
        throw error;
      }
    },
    async dispose() {
      await Promise.all([...sessions.keys()].map(forget));
      weights?.dispose();
    },
  };
}

interface OpenSession extends PlanSession {
  release(): Promise<void>;
}

async function create(
  runtime: Runtime,
  instrumented: Instrumented,
  files: WeightFiles,
  gpu: Gpu | undefined,
  weights: SharedWeights | undefined,
  plan: Plan,
  caller: CallerOptions | undefined,
): Promise<OpenSession> {
  const graph = instrumented.edit(plan, weights === undefined ? 'external' : 'inputs');
  const own = instrumented.outputs.map(({ name }) => name);
  // A tap may be an output of the model's own, such as the logits: those are read in every run anyway.
  const taps = graph.taps.map(({ output }) => output).filter((output) => !own.includes(output));
  const { cache, kind, logits } = instrumented.anatomy;
  // A decoder's logits are reduced where they lie, and of a cache nothing is ever read.
  const generates = kind === 'decoder' || kind === 'encoder-decoder';
  const kept = generates && logits !== undefined ? [logits] : [];
  const stays = new Set([...taps, ...kept, ...cache.map(({ present }) => present)]);
  const outputs = [...own, ...taps];
  const locationOf = (name: string): OrtTensor['location'] => {
    if (caller === undefined || !own.includes(name)) return stays.has(name) ? 'gpu-buffer' : 'cpu';
    return typeof caller.locations === 'string' ? caller.locations : (caller.locations[name] ?? 'cpu');
  };
  const session = await runtime
    .exclusive(() =>
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
    )
    .catch(async (cause: unknown) => {
      throw await nameFault(cause, 'The model could not be set up on this device.', gpu);
    });
  const fixed: Feeds = {};
  for (const weight of graph.weights) if (weights !== undefined) fixed[weight.name] = weights.tensor(weight);
  return {
    graph,
    ports: session,
    run: (feeds, fetches, options) =>
      runtime
        .exclusive(() =>
          fetches === undefined
            ? session.run({ ...fixed, ...feeds }, options)
            : session.run({ ...fixed, ...feeds }, fetches, options),
        )
        .catch(async (cause: unknown) => {
          throw await nameFault(cause, 'The model did not run to its end.', gpu);
        }),
    release: () => runtime.exclusive(() => session.release()),
  };

  function externalFiles(from: WeightFiles): { path: string; data: Uint8Array }[] {
    const named = new Set(graph.weights.map(({ file }) => file));
    for (const weight of graph.weights) weightBytes(from, weight);
    return [[from.file, from.graph] as const, ...from.external]
      .filter(([path]) => named.has(path) || from.external.has(path))
      .map(([path, data]) => ({ path, data }));
  }
}
