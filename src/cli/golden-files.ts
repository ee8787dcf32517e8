import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SondeError } from '../shared/errors.ts';
import { type Goldens, goldensOf } from './golden.ts';

async function read(folder: string, file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(join(folder, file)));
  } catch (cause) {
    throw new SondeError(
      'file_not_found',
      `${folder} has no ${file}, so there is nothing to compare with.`,
      'Name a folder whose training or export script wrote goldens, or use --self, which needs none.',
      { cause },
    );
  }
}

/** @throws SondeError `file_not_found` when either file is missing, `model_invalid` when one cannot be read */
export async function readGoldens(folder: string): Promise<Goldens> {
  const [json, safetensors] = await Promise.all([
    read(folder, 'golden.json'),
    read(folder, 'golden.safetensors'),
  ]);
  return goldensOf(folder, json, safetensors);
}
