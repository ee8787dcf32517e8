import { stat } from 'node:fs/promises';
import { SondeError } from '../shared/errors.ts';
import { hubAddress } from './address.ts';
import { fileSource, folderSource } from './folder.node.ts';
import { cachedSource } from './hub.node.ts';
import type { ModelSource } from './source.ts';

export interface FindOptions {
  /** Base address of the hub. */
  readonly hub: string;
  /** Folder in which downloads are kept. */
  readonly cache: string;
}

/**
 * What a person named: a folder or a file of this machine, else a hub id (`org/name`, `org/name@revision`).
 * @throws SondeError `model_not_found`
 */
export async function findSource(model: string, { hub, cache }: FindOptions): Promise<ModelSource> {
  const found = await stat(model).catch(() => undefined);
  if (found?.isDirectory()) return folderSource(model);
  if (found !== undefined) return fileSource(model);
  const address = hubAddress(model, hub);
  if (address !== undefined) return cachedSource(address, cache);
  throw new SondeError(
    'model_not_found',
    `There is no file and no folder ${model}, and it is no hub id.`,
    'Name a model folder, an .onnx file, or a hub id such as org/name or org/name@revision.',
  );
}
