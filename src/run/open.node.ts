import { type JsonObject, parseObject } from '../load/config.ts';
import { folderSource } from '../load/folder.node.ts';
import { loadFolder, loadWeights, type ModelFolder, type ModelWeights } from '../load/load.ts';
import { openTokenizer, type Tokenizer } from '../load/tokenizer.ts';
import type { Dtype } from '../protocol/device.ts';
import { SondeError } from '../shared/errors.ts';
import { closeModel, type LoadedModel, openModel } from './model.ts';
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

/** One of the graphs that make up a model. */
export interface NodePart {
  /** `model`, `encoder_model`, `decoder_model_merged` … */
  readonly part: string;
  readonly model: LoadedModel;
  readonly weights: ModelWeights;
}

/** Every graph of a folder in one dtype, in the order in which they feed each other. */
export interface NodeParts {
  readonly folder: ModelFolder;
  /** `config.json` as it is. */
  readonly config: JsonObject;
  readonly parts: readonly NodePart[];
  dispose(): Promise<void>;
}

/** Graphs that exporters split models into; where a whole one lies beside its parts, the whole is taken. */
const partsInOrder: readonly (readonly string[])[] = [
  ['model'],
  ['encoder_model', 'decoder_model_merged'],
  ['encoder_model', 'decoder_model'],
  ['text_model', 'vision_model'],
  ['encoder_model'],
  ['decoder_model_merged'],
  ['decoder_model'],
  ['text_model'],
  ['vision_model'],
];

/** Every name under which a graph is looked for. */
export const graphParts: readonly string[] = [...new Set(partsInOrder.flat())];

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
  const config = parseObject((await source.read('config.json')) ?? new Uint8Array(), 'config.json');
  for (const names of partsInOrder) {
    const found = await Promise.all(names.map((name) => loadWeights(source, dtype, {}, name)));
    if (found.includes(undefined)) continue;
    runtime ??= startRuntime({ threads: 1 });
    const parts: NodePart[] = [];
    for (const [at, weights] of found.entries())
      if (weights !== undefined)
        parts.push({
          part: names[at] ?? '',
          weights,
          model: await openModel(runtime, folder, weights, undefined),
        });
    return {
      folder,
      config,
      parts,
      dispose: async () => {
        for (const { model } of parts) await closeModel(model);
      },
    };
  }
  throw nothing(source.id, dtype);
}
