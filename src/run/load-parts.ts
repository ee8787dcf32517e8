import { externalLocations } from '../instrument/external.ts';
import { graphFiles, largestMessage, partsInOrder } from '../load/graph-file.ts';
import { loadExternal, type ModelWeights } from '../load/load.ts';
import type { ModelSource, ReadOptions } from '../load/source.ts';
import type { Dtype } from '../protocol/device.ts';

/** The files of one of the graphs that make up a model. */
export interface PartWeights {
  /** `model`, `encoder_model`, `decoder_model_merged` … */
  readonly part: string;
  readonly weights: ModelWeights;
}

/**
 * A graph, and the files in which it says that its weights lie.
 * @param part `model`, or one of several graphs that make up a model, such as `encoder_model`
 * @returns undefined where the folder has no file of that dtype
 * @throws SondeError `model_invalid` for a graph that cannot be read, is over 2 GB, or names files outside of the folder
 */
export async function loadWeights(
  source: ModelSource,
  dtype: Dtype,
  options: ReadOptions,
  part = 'model',
): Promise<ModelWeights | undefined> {
  for (const file of graphFiles(source, dtype, part)) {
    const graph = await source.read(file.path, { ...options, limit: largestMessage });
    if (graph !== undefined) return loadExternal(source, file, graph, externalLocations(graph), options);
  }
  return undefined;
}

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
