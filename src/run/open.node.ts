import { folderSource } from '../load/folder.node.ts';
import { loadFolder, loadWeights, type ModelFolder, type ModelWeights } from '../load/load.ts';
import { openTokenizer, type Tokenizer } from '../load/tokenizer.ts';
import type { Dtype } from '../protocol/device.ts';
import { SondeError } from '../shared/errors.ts';
import { type LoadedModel, openModel } from './model.ts';
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

let runtime: Runtime | undefined;

/** @throws SondeError `model_not_found` | `file_not_found` | `model_invalid` */
export async function openNodeModel(path: string, dtype: Dtype = 'fp32'): Promise<NodeModel> {
  const source = folderSource(path);
  const folder = await loadFolder(source, {});
  const weights = await loadWeights(source, dtype, {});
  if (weights === undefined) {
    throw new SondeError(
      'file_not_found',
      `${source.id} has no ${dtype} ONNX file.`,
      'Choose another dtype, or export one.',
    );
  }
  runtime ??= startRuntime({ threads: 1 });
  const model = await openModel(runtime, folder, weights, undefined);
  return {
    model,
    folder,
    weights,
    tokenizer: () => openTokenizer(folder),
    dispose: () => model.sessions.dispose(),
  };
}
