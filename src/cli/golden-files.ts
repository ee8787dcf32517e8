import type { ModelSource } from '../load/source.ts';
import type { Dtype } from '../protocol/device.ts';
import { SondeError } from '../shared/errors.ts';
import { type Goldens, goldensOf, quantisedGoldensOf } from './golden.ts';

async function read(source: ModelSource, file: string): Promise<Uint8Array<ArrayBuffer>> {
  const body = await source.read(file);
  if (body !== undefined) return body;
  throw new SondeError(
    'file_not_found',
    `${source.id} has no ${file}, so there is nothing to compare with.`,
    'Name a folder whose training or export script wrote goldens, or use --self, which needs none.',
  );
}

const quantised: readonly Dtype[] = ['q8', 'q4', 'q4f16'];

/**
 * The goldens that a variant is held to: those of PyTorch in float32, or for quantised files, which compute other
 * numbers, those of another onnxruntime over the same file.
 * @throws SondeError `file_not_found` when a file is missing, `model_invalid` when one cannot be read
 */
export async function readGoldens(source: ModelSource, dtype: Dtype): Promise<Goldens> {
  if (quantised.includes(dtype)) {
    const file = `golden.${dtype}.safetensors`;
    return quantisedGoldensOf(`${source.id}/${file}`, await read(source, file));
  }
  const [json, safetensors] = await Promise.all([
    read(source, 'golden.json'),
    read(source, 'golden.safetensors'),
  ]);
  return goldensOf(source.id, json, safetensors);
}
