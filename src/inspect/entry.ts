import { folderUrl } from '../load/address.ts';
import { temperatureOf } from '../load/card.ts';
import { parseObject } from '../load/config.ts';
import { loadFolder, type ModelFolder, modelDigest, sumProgress } from '../load/load.ts';
import { pickedSource } from '../load/picked.ts';
import { remoteSource } from '../load/remote.ts';
import type { ModelSource, ReadOptions } from '../load/source.ts';
import { openTokenizer, type Tokenizer } from '../load/tokenizer.ts';
import type { Baseline } from '../observe/drift/baseline.ts';
import { parseBaseline } from '../observe/drift/parse-baseline.ts';
import type { DeviceChoice } from '../protocol/device.ts';
import type { DriftListener } from '../protocol/drift.ts';
import type { LoadRequest } from '../protocol/inspector.ts';
import type { LoadProgress, LoadStage, ModelInfo } from '../protocol/model.ts';
import { sondeVersion } from '../protocol/version.ts';
import type { Gpu } from '../run/gpu.ts';
import type { LoadedModel, ModelPart } from '../run/model.ts';
import type { Runtime } from '../run/runtime.ts';
import { taskOf } from '../run/task.ts';
import type { Measurement } from '../schema/metrics.ts';
import type { ModelIdentity } from '../schema/record.ts';
import { bytes, milliseconds } from '../shared/units.ts';
import { KeptCalibration } from './calibrations.ts';
import { DriftWatch } from './drift.ts';
import { wantedInputs } from './inputs.ts';
import { type Deviation, type OpenVariant, openVariant } from './variant.ts';

/** A model the worker answers for. */
export interface ModelEntry {
  readonly info: ModelInfo;
  /** Every graph, in the order in which they feed each other. */
  readonly parts: readonly ModelPart[];
  /** The graph that answers: the last one. */
  readonly model: LoadedModel;
  readonly folder: ModelFolder;
  /** Absent for models of images and sound. */
  readonly tokenizer: Tokenizer | undefined;
  readonly calibration: KeptCalibration;
  /** Absent where the folder has no `baseline.json`. */
  readonly drift: DriftWatch | undefined;
}

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
  const info = await describe(runtime, folder, variant);
  const drift = baseline && new DriftWatch(baseline, info.identity, onDrift);
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

async function describe(runtime: Runtime, folder: ModelFolder, variant: OpenVariant): Promise<ModelInfo> {
  const { config } = folder;
  const { report, parts } = variant;
  const { anatomy } = variant.model.instrumented;
  const files = [...folder.files, ...parts.flatMap(({ weights }) => weights.files)];
  const identity: ModelIdentity = {
    modelId: folder.source.id,
    modelDigest: await modelDigest(files),
    ...(folder.tokenizer === undefined ? {} : { tokenizerDigest: folder.tokenizer.digest }),
    dtype: report.dtype,
    device: report.device,
    ...(report.adapter === undefined
      ? {}
      : { adapterVendor: report.adapter.vendor, adapterArchitecture: report.adapter.architecture }),
    threads: report.threads,
    fallbacks: report.fallbacks.length,
    sondeVersion,
    runtimeVersion: runtime.version,
  };
  const temperature = temperatureOf(folder.card, report.dtype);
  return {
    id: folder.source.id,
    task: taskOf(config, variant.model.instrumented),
    architecture: config.architecture,
    layers: anatomy.layers,
    heads: anatomy.heads,
    dModel: anatomy.dModel,
    vocabulary: config.vocabulary ?? 0,
    ...(config.context === undefined ? {} : { context: config.context }),
    ...(config.labels === undefined ? {} : { labels: config.labels }),
    ...(temperature === undefined ? {} : { temperature }),
    kind: parts.length > 1 && anatomy.kind === 'decoder' ? 'encoder-decoder' : anatomy.kind,
    inputs: wantedInputs(parts),
    hasTokenizer: folder.tokenizer !== undefined,
    hooks: parts.flatMap(({ model }) => model.instrumented.hooks),
    device: report,
    files,
    identity,
  };
}
