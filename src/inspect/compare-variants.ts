import { dtypesOf } from '../load/graph-file.ts';
import { sumProgress } from '../load/load.ts';
import type { DeviceReport, Dtype } from '../protocol/device.ts';
import type { FidelityProgress, ModelFidelity, VariantFidelity } from '../protocol/fidelity.ts';
import { errorsOf } from '../prove/fidelity.ts';
import { type Golden, recordGolden } from '../prove/golden.ts';
import type { Gpu } from '../run/gpu.ts';
import { loadParts } from '../run/load-parts.ts';
import { closeModel, type ModelPart, openModel } from '../run/model.ts';
import type { Runtime } from '../run/runtime.ts';
import { SondeError } from '../shared/errors.ts';
import { milliseconds } from '../shared/units.ts';
import { isOfVariant, recordOnWasm } from './fidelity.ts';
import type { ModelEntry } from './model-entry.ts';

export interface CompareRequest {
  /** Default: every one that the folder has. */
  readonly dtypes: readonly Dtype[] | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: FidelityProgress) => void;
}

const devices: readonly DeviceReport['device'][] = ['webgpu', 'wasm'];
const reference: Dtype = 'fp32';

/**
 * Every device and dtype of a model, hook by hook against WASM in fp32. Files that are not there yet are fetched; what
 * does not run is refused with what the runtime said.
 * @throws SondeError `file_not_found` without an fp32 file, `run_failed` where that does not run on WASM, `device_lost` |
 * `aborted`
 */
export async function compareVariants(
  runtime: Runtime,
  sharedGpu: () => Promise<Gpu>,
  entry: ModelEntry,
  { dtypes, signal, onProgress }: CompareRequest,
): Promise<ModelFidelity> {
  const started = performance.now();
  const { folder } = entry;
  const there = await dtypesOf(folder.source);
  const wanted = there.filter((dtype) => dtypes?.includes(dtype) ?? true);
  const pairs = wanted.flatMap((dtype) =>
    devices.filter((device) => device !== 'wasm' || dtype !== reference).map((device) => ({ device, dtype })),
  );
  let done = 0;
  let held: { readonly dtype: Dtype; readonly weights: ReturnType<typeof loadParts> } | undefined;
  const report = (dtype: Dtype, fetched: Pick<FidelityProgress, 'loaded' | 'total'> = {}): void =>
    onProgress({ dtype, done, variants: pairs.length, ...fetched });

  const golden = await using(reference, undefined, (parts) => recordOnWasm(parts, folder.json));
  const variants: VariantFidelity[] = [];
  for (const { device, dtype } of pairs) {
    report(dtype);
    variants.push({ device, dtype, result: await measured(device, dtype) });
    done++;
    report(dtype);
  }
  return { variants, elapsed: milliseconds(performance.now() - started) };

  async function measured(device: DeviceReport['device'], dtype: Dtype): Promise<VariantFidelity['result']> {
    try {
      const gpu = device === 'webgpu' ? await sharedGpu() : undefined;
      const values = await using(dtype, gpu, (parts) =>
        gpu === undefined ? recordOnWasm(parts, folder.json) : recordGolden(parts, folder.json),
      );
      return { kind: 'measured', hooks: errorsOf(golden, values) };
    } catch (error) {
      if (!isOfVariant(error)) throw error;
      return { kind: 'refused', reason: error.message };
    }
  }

  /** Of one dtype at a time: each of its devices reads the same bytes. */
  function weightsOf(dtype: Dtype): ReturnType<typeof loadParts> {
    const onFetched = sumProgress(({ loaded, total }) =>
      report(dtype, { loaded, ...(total === undefined ? {} : { total }) }),
    );
    if (held?.dtype !== dtype)
      held = { dtype, weights: loadParts(folder.source, dtype, { signal, onProgress: onFetched }) };
    return held.weights;
  }

  /** Graphs of that dtype: those that are open already, else opened for this. */
  async function using(
    dtype: Dtype,
    gpu: Gpu | undefined,
    work: (parts: readonly ModelPart[]) => Promise<Golden>,
  ): Promise<Golden> {
    refuseAborted(signal);
    const { device } = entry.info;
    if (device.dtype === dtype && (gpu === undefined || device.device === 'webgpu')) return work(entry.parts);
    const weights = await weightsOf(dtype);
    if (weights === undefined)
      throw new SondeError(
        'file_not_found',
        `${folder.source.id} has no ${dtype} file.`,
        'Other dtypes are held to fp32: put model.onnx beside them.',
      );
    const parts: ModelPart[] = [];
    try {
      for (const each of weights)
        parts.push({ ...each, model: await openModel(runtime, folder, each.weights, gpu) });
      return await work(parts);
    } finally {
      for (const { model } of parts) await closeModel(model);
    }
  }
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted)
    throw new SondeError('aborted', 'The comparison was stopped.', 'Start it again when it is wanted.');
}
