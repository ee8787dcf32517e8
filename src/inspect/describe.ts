import { temperatureOf } from '../load/card.ts';
import { type ModelFolder, modelDigest } from '../load/load.ts';
import type { ModelInfo } from '../protocol/model.ts';
import { sondeVersion } from '../protocol/version.ts';
import { taskOf } from '../run/task.ts';
import type { ModelIdentity } from '../schema/record.ts';
import { wantedInputs } from './inputs.ts';
import type { OpenVariant } from './model-entry.ts';

/** What a model is: read from its files or measured. */
export async function describe(
  folder: ModelFolder,
  { report, parts, model }: OpenVariant,
): Promise<ModelInfo> {
  const { config } = folder;
  const { anatomy } = model.instrumented;
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
    runtimeVersion: model.runtime.version,
  };
  const temperature = temperatureOf(folder.card, report.dtype);
  return {
    id: folder.source.id,
    task: taskOf(config, model.instrumented),
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
