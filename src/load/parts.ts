import type { Dtype } from '../protocol/device.ts';
import { loadWeights, type ModelWeights } from './load.ts';
import type { ModelSource, ReadOptions } from './source.ts';

/** The files of one of the graphs that make up a model. */
export interface PartWeights {
  /** `model`, `encoder_model`, `decoder_model_merged` … */
  readonly part: string;
  readonly weights: ModelWeights;
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

/**
 * Every graph of a model in one dtype, in the order in which they feed each other.
 * @returns undefined where the folder has none of that dtype
 */
export async function loadParts(
  source: ModelSource,
  dtype: Dtype,
  options: ReadOptions,
): Promise<readonly PartWeights[] | undefined> {
  const read = new Map<string, Promise<ModelWeights | undefined>>();
  const weightsOf = (part: string): Promise<ModelWeights | undefined> => {
    const known = read.get(part) ?? loadWeights(source, dtype, options, part);
    read.set(part, known);
    return known;
  };
  for (const names of partsInOrder) {
    const found = await Promise.all(names.map(async (part) => ({ part, weights: await weightsOf(part) })));
    const parts = found.flatMap(({ part, weights }) => (weights === undefined ? [] : { part, weights }));
    if (parts.length === names.length) return parts;
  }
  return undefined;
}
