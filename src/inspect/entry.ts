import { folderUrl } from '../load/address.ts';
import { parseObject } from '../load/config.ts';
import { loadFolder, sumProgress } from '../load/load.ts';
import { pickedSource } from '../load/picked.ts';
import { remoteSource } from '../load/remote.ts';
import type { ModelSource, ReadOptions } from '../load/source.ts';
import { openTokenizer } from '../load/tokenizer.ts';
import type { Baseline } from '../observe/drift/baseline.ts';
import { parseBaseline } from '../observe/drift/parse-baseline.ts';
import type { DeviceChoice } from '../protocol/device.ts';
import type { DriftListener } from '../protocol/drift.ts';
import type { LoadRequest } from '../protocol/inspector.ts';
import type { LoadProgress, LoadStage } from '../protocol/model.ts';
import type { Gpu } from '../run/gpu.ts';
import type { Runtime } from '../run/runtime.ts';
import type { Measurement } from '../schema/metrics.ts';
import { bytes, milliseconds } from '../shared/units.ts';
import { KeptCalibration } from './calibrations.ts';
import { describe } from './describe.ts';
import { DriftWatch } from './drift.ts';
import type { ModelEntry } from './model-entry.ts';
import { preparationOf } from './preparation.ts';
import { type Deviation, openVariant } from './variant.ts';

export interface EntryListeners {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: LoadProgress) => void;
  readonly onDrift: DriftListener;
  readonly onDeviation: (measured: Omit<Measurement, 'at'>) => void;
}

/** Fetches, instruments, opens and proves a model. */
export async function openEntry(
  runtime: Runtime,
  sharedGpu: () => Promise<Gpu>,
  device: DeviceChoice,
  request: LoadRequest,
  { signal, onProgress, onDrift, onDeviation }: EntryListeners,
): Promise<ModelEntry> {
  const started = performance.now();
  let latest: Omit<LoadProgress, 'stage' | 'elapsed'> = { loaded: bytes(0) };
  const report = (stage: LoadStage): void =>
    onProgress({ ...latest, stage, elapsed: milliseconds(performance.now() - started) });
  const read = {
    signal,
    onProgress: sumProgress((progress) => {
      latest = progress;
      report('fetch');
    }),
  };
  // Beside the download. What fails here is told where it is needed.
  if (device !== 'wasm' && request.fallen?.device !== 'webgpu') sharedGpu().catch(() => undefined);
  const source = sourceOf(request);
  const [folder, baseline] = await Promise.all([loadFolder(source, read), baselineOf(source, read)]);
  const tokenizer = folder.tokenizer === undefined ? undefined : openTokenizer(folder);
  const variant = await openVariant(runtime, folder, sharedGpu, {
    device,
    ...(request.dtype === undefined ? {} : { dtype: request.dtype }),
    ...(request.fallen === undefined ? {} : { fallen: request.fallen }),
    onStage: report,
    onDeviation: (deviation) => onDeviation(measureDeviation(source.id, deviation)),
    read,
  });
  const { parts, model } = variant;
  const info = await describe(folder, variant);
  const drift = baseline && new DriftWatch(baseline, onDrift, preparationOf(info));
  const calibration = await KeptCalibration.open(info.identity.modelDigest);
  return { info, parts, model, folder, tokenizer, calibration, drift };
}

/** Stands for any error above it too, and for values that are no numbers. */
const largestDeviation = 1000;

const measureDeviation = (
  modelId: string,
  { device, dtype, adapter, error }: Deviation,
): Omit<Measurement, 'at'> => ({
  about: {
    modelId,
    device,
    dtype,
    ...(adapter && { adapterVendor: adapter.vendor, adapterArchitecture: adapter.architecture }),
  },
  values: [{ metric: 'deviation', value: Math.min(error, largestDeviation) }],
});

async function baselineOf(source: ModelSource, read: ReadOptions): Promise<Baseline | undefined> {
  const file = await source.read('baseline.json', read);
  return file && parseBaseline(parseObject(file, 'baseline.json'));
}

function sourceOf({ model, base, hub }: LoadRequest) {
  if (typeof model !== 'string') return pickedSource(model);
  const { id, url } = folderUrl(model, base, hub);
  return remoteSource(id, url);
}
