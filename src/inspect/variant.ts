import { dtypes } from '../load/graph-file.ts';
import type { ModelFolder } from '../load/load.ts';
import type { ReadOptions } from '../load/source.ts';
import type { DeviceChoice, DeviceReport, Dtype, Fallback } from '../protocol/device.ts';
import type { LoadStage } from '../protocol/model.ts';
import { probeInputs } from '../prove/probe.ts';
import { openGpu } from '../run/device.ts';
import { idTensor, type ModelInputs } from '../run/feeds.ts';
import type { Gpu } from '../run/gpu.ts';
import { loadParts, type PartWeights } from '../run/load-parts.ts';
import { closeModel, type LoadedModel, type ModelPart, openModel, probe } from '../run/model.ts';
import type { Runtime } from '../run/runtime.ts';
import { SondeError } from '../shared/errors.ts';
import { emptyPlan } from '../shared/plan.ts';

/** A variant that ran. */
export interface OpenVariant {
  readonly parts: readonly ModelPart[];
  /** The last of them. */
  readonly model: LoadedModel;
  readonly report: DeviceReport;
}

export interface VariantRequest {
  readonly device: DeviceChoice;
  readonly dtype?: Dtype;
  readonly onStage: (stage: LoadStage) => void;
  readonly read: ReadOptions;
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
 * Tries the variants of a model until a probe forward works: every dtype the folder has on WebGPU, then on
 * WASM. What was tried before, and why it failed, is part of the answer.
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
  const devices = request.device === 'auto' ? (['webgpu', 'wasm'] as const) : [request.device];
  const fetched = new Map<Dtype, Promise<readonly PartWeights[] | undefined>>();
  const weightsOf = (dtype: Dtype): Promise<readonly PartWeights[] | undefined> => {
    const known = fetched.get(dtype) ?? loadParts(folder.source, dtype, request.read);
    fetched.set(dtype, known);
    return known;
  };
  const fallbacks: Fallback[] = [];
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
    for (const dtype of order) {
      request.onStage('fetch');
      const weights = await weightsOf(dtype);
      if (weights === undefined) continue;
      found = true;
      try {
        const parts = await openAndProbe(runtime, folder, weights, gpu, request.onStage);
        const report: DeviceReport = {
          device,
          dtype,
          ...(gpu === undefined ? {} : { adapter: gpu.adapter }),
          threads: runtime.threads,
          crossOriginIsolated: globalThis.crossOriginIsolated ?? false,
          fallbacks,
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

async function openAndProbe(
  runtime: Runtime,
  folder: ModelFolder,
  weights: readonly PartWeights[],
  gpu: Gpu | undefined,
  onStage: (stage: LoadStage) => void,
): Promise<readonly ModelPart[]> {
  const parts: ModelPart[] = [];
  try {
    onStage('instrument');
    for (const each of weights)
      parts.push({ ...each, model: await openModel(runtime, folder, each.weights, gpu) });
    onStage('session');
    for (const { model } of parts) await model.sessions.open(emptyPlan);
    onStage('probe');
    let given: ModelInputs = {};
    for (const { model } of parts) given = await probeOne(model, folder, given);
    return parts;
  } catch (error) {
    for (const { model } of parts) await closeModel(model);
    throw error;
  }
}

/**
 * A forward over three tokens; over made-up inputs where a graph reads images, sound or another graph's states.
 * On WASM only tokens are tried: it has every kernel, and a size that was guessed wrong would speak against it.
 * @returns what the next graph reads of this one
 */
async function probeOne(model: LoadedModel, folder: ModelFolder, given: ModelInputs): Promise<ModelInputs> {
  const { inputs } = model.instrumented;
  const ofTokens = inputs.some(({ name }) => name === 'input_ids') && Object.keys(given).length === 0;
  if (!ofTokens && model.gpu === undefined) return {};
  const fed = ofTokens
    ? { input_ids: idTensor([[1, 2, 3]]) }
    : probeInputs(model.instrumented, folder.json, given, 1);
  const states = (await probe(model, fed)).get('last_hidden_state');
  return states === undefined ? {} : { encoder_hidden_states: states };
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
