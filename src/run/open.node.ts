import type { JsonObject } from '../load/config.ts';
import { folderSource } from '../load/folder.node.ts';
import { dtypesOf, fileNamed } from '../load/graph-file.ts';
import { loadFolder, type ModelFolder, type ModelWeights } from '../load/load.ts';
import type { ModelSource } from '../load/source.ts';
import { openTokenizer, type Tokenizer } from '../load/tokenizer.ts';
import type { Dtype } from '../protocol/device.ts';
import { SondeError } from '../shared/errors.ts';
import { loadParts } from './load-parts.ts';
import { closeModel, type LoadedModel, type ModelPart, openModel } from './model.ts';
import { startRuntime } from './runtime.node.ts';
import type { Runtime } from './runtime.ts';

/** A model opened from a folder of this machine, on the WASM provider. */
export interface NodeModel {
  readonly model: LoadedModel;
  readonly folder: ModelFolder;
  readonly weights: ModelWeights;
  /** Read on first use: models of images and sound have none. */
  tokenizer(): Tokenizer;
  dispose(): Promise<void>;
}

/** Every graph of a folder in one dtype, in the order in which they feed each other. */
export interface NodeParts {
  readonly folder: ModelFolder;
  /** `config.json` as it is. */
  readonly config: JsonObject;
  readonly parts: readonly ModelPart[];
  dispose(): Promise<void>;
}

let runtime: Runtime | undefined;

const sourceOf = (named: string | ModelSource): ModelSource =>
  typeof named === 'string' ? folderSource(named) : named;

/** fp32 where there is such a file, else the first dtype that there is. */
export async function defaultDtype(source: ModelSource): Promise<Dtype> {
  return source.graph === undefined ? ((await dtypesOf(source))[0] ?? 'fp32') : fileNamed(source.graph).dtype;
}

/**
 * A model of one graph.
 * @param named a folder of this machine, or a source
 * @throws SondeError `model_not_found` | `file_not_found` | `model_invalid` | `network` | `wrong_task`
 */
export async function openNodeModel(named: string | ModelSource, dtype: Dtype = 'fp32'): Promise<NodeModel> {
  const { folder, parts, dispose } = await openNodeParts(named, dtype);
  const [only, ...others] = parts;
  if (only !== undefined && others.length === 0)
    return { ...only, folder, tokenizer: () => openTokenizer(folder), dispose };
  await dispose();
  const what = `${folder.source.id} is made of ${parts.length} graphs.`;
  throw new SondeError('wrong_task', what, 'Name one of its ONNX files.');
}

/**
 * Every graph of a model.
 * @param named a folder of this machine, or a source
 * @throws SondeError `model_not_found` | `file_not_found` | `model_invalid` | `network`
 */
export async function openNodeParts(named: string | ModelSource, dtype: Dtype = 'fp32'): Promise<NodeParts> {
  const source = sourceOf(named);
  const folder = await loadFolder(source, {});
  const found = await loadParts(source, dtype, {});
  if (found === undefined) throw await nothing(source, dtype);
  runtime ??= startRuntime({ threads: 1 });
  const parts: ModelPart[] = [];
  for (const { part, weights } of found)
    parts.push({ part, weights, model: await openModel(runtime, folder, weights, undefined) });
  return {
    folder,
    config: folder.json,
    parts,
    dispose: async () => {
      for (const { model } of parts) await closeModel(model);
    },
  };
}

/** Says what there is instead. */
async function nothing(source: ModelSource, dtype: Dtype): Promise<SondeError> {
  const others = await dtypesOf(source);
  const files = (await source.list?.()) ?? [];
  const remedies = [
    ...(others.length === 0 ? [] : [`It has ${others.join(', ')}.`]),
    ...(files.length === 0
      ? []
      : [`A file can be named itself: ${files.slice(0, 8).join(', ')}${files.length > 8 ? ' …' : ''}.`]),
  ];
  return new SondeError(
    'file_not_found',
    `${source.id} has no ${dtype} ONNX file.`,
    remedies.join(' ') || 'Export one, for example with Optimum.',
  );
}
