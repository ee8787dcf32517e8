import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dtype } from '../protocol/device.ts';
import { SondeError } from '../shared/errors.ts';
import { type Goldens, goldensOf, quantisedGoldensOf } from './golden.ts';

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

const quantised: readonly Dtype[] = ['q8', 'q4', 'q4f16'];

/**
 * The goldens that a variant is held to: those of PyTorch in float32, or for quantised files, which compute other
 * numbers, those of another onnxruntime over the same file.
 * @throws SondeError `file_not_found` when a file is missing, `model_invalid` when one cannot be read
 */
export async function readGoldens(folder: string, dtype: Dtype): Promise<Goldens> {
  if (quantised.includes(dtype)) {
    const file = `golden.${dtype}.safetensors`;
    return quantisedGoldensOf(`${folder}/${file}`, await read(folder, file));
  }
  const [json, safetensors] = await Promise.all([
    read(folder, 'golden.json'),
    read(folder, 'golden.safetensors'),
  ]);
  return goldensOf(folder, json, safetensors);
}
