import { dtypes } from '../load/graph-file.ts';
import type { ModelFolder } from '../load/load.ts';
import type { ReadOptions } from '../load/source.ts';
import type { DeviceChoice, DeviceFidelity, DeviceReport, Dtype, Fallback } from '../protocol/device.ts';
import type { LoadStage } from '../protocol/model.ts';
import { prepareGolden, untappedGolden } from '../prove/golden.ts';
import { shortProbe } from '../prove/probe.ts';
import { prepareChoice } from '../run/choose.ts';
import { openGpu } from '../run/device.ts';
import type { Gpu } from '../run/gpu.ts';
import { loadParts, type PartWeights } from '../run/load-parts.ts';
import { closeModel, type LoadedModel, type ModelPart, openModel, probe } from '../run/model.ts';
import type { Runtime } from '../run/runtime.ts';
import { SondeError } from '../shared/errors.ts';
import { emptyPlan } from '../shared/plan.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { holdToGolden, readShipped } from './fidelity.ts';
import type { OpenVariant } from './model-entry.ts';

export interface VariantRequest {
  readonly device: DeviceChoice;
  readonly dtype?: Dtype;
  /** What did not work out before: its device is not tried again. */
  readonly fallen?: Fallback;
  readonly onStage: (stage: LoadStage) => void;
  readonly onDeviation: (deviation: Deviation) => void;
  readonly read: ReadOptions;
}

/** The largest error of any hook on a device, for tier 0. */
export interface Deviation extends Pick<DeviceReport, 'device' | 'dtype' | 'adapter'> {
  readonly error: number;
}

/** Faults of the files themselves: no other device would read them. */
const hopeless: readonly string[] = [
  'model_invalid',
  'graph_unsupported',
  'aborted',
  'network',
  'file_not_found',
  'second_runtime',
];

/**
 * Tries the variants of a model until a probe forward works and gives what it should: every dtype the folder has on
 * WebGPU, then on WASM. What was tried before, and why it failed, is part of the answer.
 * @throws SondeError `no_device` | `run_failed` when nothing worked, `file_not_found` when there is no ONNX file
 */
export async function openVariant(
  runtime: Runtime,
  folder: ModelFolder,
  sharedGpu: () => Promise<Gpu>,
  request: VariantRequest,
): Promise<OpenVariant> {
  const wanted = request.dtype ?? 'fp32';
  const order: readonly Dtype[] = [wanted, ...dtypes.filter((dtype) => dtype !== wanted)];
  const { fallen } = request;
  const all = request.device === 'auto' ? (['webgpu', 'wasm'] as const) : [request.device];
  const devices = all.filter((device) => device !== fallen?.device);
  const fetched = new Map<Dtype, Promise<readonly PartWeights[] | undefined>>();
  const weightsOf = (dtype: Dtype): Promise<readonly PartWeights[] | undefined> => {
    const known = fetched.get(dtype) ?? loadParts(folder.source, dtype, request.read);
    fetched.set(dtype, known);
    return known;
  };
  const fallbacks: Fallback[] = fallen === undefined ? [] : [fallen];
  let lastError: unknown;
  let found = false;

  for (const device of devices) {
    let gpu: Gpu | undefined;
    try {
      gpu = device === 'webgpu' ? await sharedGpu() : undefined;
    } catch (error) {
      lastError = error;
      fallbacks.push({ device, dtype: wanted, reason: reasonOf(error) });
      continue;
    }
    // Beside the download; but a GPU had better begin to compile first, which this would delay.
    if (gpu === undefined) runtime.start().catch(() => undefined);
    for (const dtype of order) {
      request.onStage('fetch');
      const weights = await weightsOf(dtype);
      if (weights === undefined) continue;
      found = true;
      try {
        const { parts, fidelity } = await openAndProve(runtime, folder, dtype, weights, gpu, request);
        const report: DeviceReport = {
          device,
          dtype,
          ...(gpu === undefined ? {} : { adapter: gpu.adapter }),
          threads: runtime.threads,
          crossOriginIsolated: globalThis.crossOriginIsolated ?? false,
          fallbacks,
          fidelity,
        };
        const model = parts.at(-1)?.model;
        if (model !== undefined) return { parts, model, report };
      } catch (error) {
        if (error instanceof SondeError && hopeless.includes(error.code)) throw error;
        lastError = error;
        fallbacks.push({ device, dtype, reason: reasonOf(error) });
      }
    }
  }
  if (!found && lastError === undefined) {
    throw new SondeError(
      'file_not_found',
      `${folder.source.id} has no ONNX file that Sonde reads (onnx/model.onnx, or a variant of it).`,
      'Export the model with Optimum, or load a folder that has an onnx folder.',
    );
  }
  throw lastError;
}

async function openAndProve(
  runtime: Runtime,
  folder: ModelFolder,
  dtype: Dtype,
  weights: readonly PartWeights[],
  gpu: Gpu | undefined,
  { onStage, onDeviation, read }: VariantRequest,
): Promise<{ readonly parts: readonly ModelPart[]; readonly fidelity: DeviceFidelity }> {
  const shipped = readShipped(folder, dtype, read);
  const parts: ModelPart[] = [];
  try {
    onStage('instrument');
    for (const each of weights)
      parts.push({ ...each, model: await openModel(runtime, folder, each.weights, gpu) });
    onStage('session');
    for (const { model } of parts) prepareChoice(model);
    for (const { model } of parts) await model.sessions.open(emptyPlan);
    onStage('probe');
    const untapped = new Map<string, FloatTensor>();
    let states: FloatTensor | undefined;
    for (const { model } of parts) {
      const outputs = await probeOne(model, folder, states);
      for (const [hook, value] of untappedGolden(model, outputs)) untapped.set(hook, value);
      states = outputs.get('last_hidden_state');
    }
    onStage('compare');
    const device = gpu === undefined ? 'wasm' : 'webgpu';
    const adapter = gpu === undefined ? {} : { adapter: gpu.adapter };
    const ran = { parts, dtype, untapped };
    const fidelity = await holdToGolden(ran, folder, device, await shipped, (error) =>
      onDeviation({ device, dtype, ...adapter, error }),
    );
    return { parts, fidelity };
  } catch (error) {
    for (const { model } of parts) await closeModel(model);
    throw error;
  }
}

/**
 * The least forward that a graph runs. On WASM only tokens are tried: it has every kernel, and a size that was guessed
 * wrong would speak against it.
 * @param states what the graph before this one gave
 */
async function probeOne(
  model: LoadedModel,
  folder: ModelFolder,
  states: FloatTensor | undefined,
): Promise<ReadonlyMap<string, FloatTensor>> {
  const inputs = shortProbe(model.instrumented, folder.json, states);
  const isTokens = 'input_ids' in inputs && Object.keys(inputs).length === 1;
  if (model.gpu !== undefined) return probe(model, inputs, () => prepareGolden(model, inputs));
  return isTokens ? probe(model, inputs, () => undefined) : new Map();
}

/** One device for all models of this worker; a lost one ends the worker, so it is never opened twice. */
export function shareGpu(): () => Promise<Gpu> {
  let opened: Promise<Gpu> | undefined;
  return () => {
    opened ??= openGpu();
    return opened;
  };
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
