import type { JsonObject } from '../load/config.ts';
import { folderSource } from '../load/folder.node.ts';
import { loadFolder, loadWeights, type ModelFolder, type ModelWeights } from '../load/load.ts';
import { loadParts } from '../load/parts.ts';
import { openTokenizer, type Tokenizer } from '../load/tokenizer.ts';
import type { Dtype } from '../protocol/device.ts';
import { SondeError } from '../shared/errors.ts';
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

const nothing = (id: string, dtype: Dtype): SondeError =>
  new SondeError(
    'file_not_found',
    `${id} has no ${dtype} ONNX file.`,
    'Choose another dtype, or export one.',
  );

/** @throws SondeError `model_not_found` | `file_not_found` | `model_invalid` */
export async function openNodeModel(path: string, dtype: Dtype = 'fp32'): Promise<NodeModel> {
  const source = folderSource(path);
  const folder = await loadFolder(source, {});
  const weights = await loadWeights(source, dtype, {});
  if (weights === undefined) throw nothing(source.id, dtype);
  runtime ??= startRuntime({ threads: 1 });
  const model = await openModel(runtime, folder, weights, undefined);
  return {
    model,
    folder,
    weights,
    tokenizer: () => openTokenizer(folder),
    dispose: () => closeModel(model),
  };
}

/** @throws SondeError `model_not_found` | `file_not_found` | `model_invalid` */
export async function openNodeParts(path: string, dtype: Dtype = 'fp32'): Promise<NodeParts> {
  const source = folderSource(path);
  const folder = await loadFolder(source, {});
  const found = await loadParts(source, dtype, {});
  if (found === undefined) throw nothing(source.id, dtype);
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
