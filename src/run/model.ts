import { instrument } from '../instrument/instrument.ts';
import type { Instrumented } from '../instrument/instrumented.ts';
import { createExecutor, type Executor } from '../kernels/kernel.ts';
import type { ModelFolder, ModelWeights } from '../load/load.ts';
import { SondeError } from '../shared/errors.ts';
import { emptyPlan } from '../shared/plan.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { type CaptureStore, createCaptureStore } from './capture.ts';
import { completeFeeds, type ModelInputs } from './feeds.ts';
import { readFloatTensor } from './float.ts';
import type { Gpu } from './gpu.ts';
import type { Runtime } from './runtime.ts';
import { type Fetches, openSessions, type Sessions } from './sessions.ts';

/** A model that ran at least once on its device. */
export interface LoadedModel {
  readonly runtime: Runtime;
  readonly instrumented: Instrumented;
  readonly sessions: Sessions;
  /** Absent on WASM, like the executor that runs kernels beside the sessions. */
  readonly gpu?: Gpu;
  readonly executor?: Executor;
}

/** One of the graphs that make up a model, open. */
export interface ModelPart {
  /** `model`, `encoder_model`, `decoder_model_merged` … */
  readonly part: string;
  readonly model: LoadedModel;
  readonly weights: ModelWeights;
}

/** One forward with what it gave. */
export interface Forward {
  readonly outputs: Fetches;
  readonly capture: CaptureStore;
}

export async function openModel(
  runtime: Runtime,
  folder: ModelFolder,
  weights: ModelWeights,
  gpu: Gpu | undefined,
): Promise<LoadedModel> {
  const { heads } = folder.config;
  const instrumented = instrument(weights.graph, {
    file: weights.file,
    external: weights.external,
    ...(heads === undefined ? {} : { heads }),
  });
  return {
    runtime,
    instrumented,
    sessions: openSessions(runtime, instrumented, weights, gpu),
    ...(gpu === undefined ? {} : { gpu, executor: createExecutor(gpu.device) }),
  };
}

/** The same graph over the same bytes on WASM, beside where it is open already. */
export function onWasm({ part, model: { runtime, instrumented }, weights }: ModelPart): ModelPart {
  const sessions = openSessions(runtime, instrumented, weights, undefined);
  return { part, weights, model: { runtime, instrumented, sessions } };
}

/**
 * Runs the model once over inputs given by name; the taps stay where they are until read.
 * @param hooks exact names, as `Instrumented.resolve` returns them
 * @param capture takes over what the taps gave, beside what it holds already
 */
export async function forward(
  model: LoadedModel,
  inputs: ModelInputs,
  hooks: readonly string[],
  capture: CaptureStore = createCaptureStore(model.runtime, model.instrumented.hooks),
): Promise<Forward> {
  const session = await model.sessions.open({ ...emptyPlan, taps: hooks });
  const outputs = await session.run(completeFeeds(model.runtime.ort, model.instrumented, inputs));
  capture.add(session.graph.taps, outputs);
  return { outputs, capture };
}

/**
 * A device choice is proven only by a run: missing kernels and features fail there, not at creation.
 * @param meanwhile what to begin while a GPU still compiles and runs
 * @returns the outputs that lie on the CPU
 * @throws SondeError `run_failed` when the forward fails or gives values that are no numbers
 */
export async function probe(
  model: LoadedModel,
  inputs: ModelInputs,
  meanwhile: () => void,
): Promise<ReadonlyMap<string, FloatTensor>> {
  const { outputs } = await forward(model, inputs, []);
  meanwhile();
  const { logits } = model.instrumented.anatomy;
  const read = new Map<string, FloatTensor>();
  for (const [name, tensor] of Object.entries(outputs)) {
    if (name === logits || tensor.location !== 'gpu-buffer')
      read.set(name, await readFloatTensor(model.runtime, tensor));
    tensor.dispose();
  }
  if (read.get(logits ?? '')?.data.every(Number.isFinite) === false) {
    throw new SondeError(
      'run_failed',
      'A probe forward gave values that are no numbers.',
      'Try another dtype, or device "wasm".',
    );
  }
  return read;
}

/** Frees sessions, weights and the buffers of kernels. */
export async function closeModel({ sessions, executor }: LoadedModel): Promise<void> {
  await sessions.dispose();
  executor?.dispose();
}
