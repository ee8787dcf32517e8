import { dtypes, loadWeights, type ModelFolder, type ModelWeights } from '../load/load.ts';
import type { ReadOptions } from '../load/source.ts';
import type { DeviceChoice, DeviceReport, Dtype, Fallback } from '../protocol/device.ts';
import type { LoadStage } from '../protocol/model.ts';
import { openGpu } from '../run/device.ts';
import type { Gpu } from '../run/gpu.ts';
import { closeModel, type LoadedModel, openModel, probe } from '../run/model.ts';
import type { Runtime } from '../run/runtime.ts';
import { SondeError } from '../shared/errors.ts';

/** A variant that ran. */
export interface OpenVariant {
  readonly model: LoadedModel;
  readonly weights: ModelWeights;
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
  const fetched = new Map<Dtype, Promise<ModelWeights | undefined>>();
  const weightsOf = (dtype: Dtype): Promise<ModelWeights | undefined> => {
    const known = fetched.get(dtype) ?? loadWeights(folder.source, dtype, request.read);
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
        const model = await openAndProbe(runtime, folder, weights, gpu, request.onStage);
        const report: DeviceReport = {
          device,
          dtype,
          ...(gpu === undefined ? {} : { adapter: gpu.adapter }),
          threads: runtime.threads,
          crossOriginIsolated: globalThis.crossOriginIsolated ?? false,
          fallbacks,
        };
        return { model, weights, report };
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
  weights: ModelWeights,
  gpu: Gpu | undefined,
  onStage: (stage: LoadStage) => void,
): Promise<LoadedModel> {
  onStage('instrument');
  const model = await openModel(runtime, folder, weights, gpu);
  try {
    onStage('session');
    await model.sessions.open({ taps: [], edits: [] });
    onStage('probe');
    await probe(model);
    return model;
  } catch (error) {
    await closeModel(model);
    throw error;
  }
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
