import { reducedOnGpu } from '../kernels/token-statistics.gpu.ts';
import { type TokenStatistics, tokenStatistics } from '../kernels/token-statistics.ts';
import { SondeError } from '../shared/errors.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { completeFeeds, idTensor } from './feeds.ts';
import { toFloatTensor } from './float.ts';
import type { LoadedModel } from './model.ts';

const input = 'sonde.lens';

/** The ends of all blocks, in order: what a lens reads. */
export const streamHooks = ({ instrumented }: LoadedModel): readonly string[] =>
  instrumented.hooks
    .filter(
      ({ name, source }) => /^blocks\.\d+\.hook_resid_post$/.test(name) && source.kind !== 'unavailable',
    )
    .map(({ name }) => name);

/**
 * Logit lens (nostalgebraist 2020): what the model would say if its stream ended after a block. The stream of each
 * block is put in place of the last one's, so final norm and unembedding are the model's own, whatever its dtype;
 * all blocks run as one batch, and on the GPU only statistics come back.
 * @param ids [p]
 * @param streams residual streams [1, p, d] of the blocks that are looked at, captured over the same ids
 * @param k likeliest tokens of each position
 * @returns by stream, by position
 * @throws SondeError `invalid_plan` where the end of the stream is in no tensor of the graph
 */
export async function logitLens(
  model: LoadedModel,
  ids: readonly number[],
  streams: readonly FloatTensor[],
  k: number,
): Promise<readonly (readonly TokenStatistics[])[]> {
  const { runtime, instrumented, executor } = model;
  const end = streamHooks(model).at(-1);
  if (end === undefined || instrumented.anatomy.logits === undefined) {
    throw new SondeError(
      'wrong_task',
      'This model has no residual stream that ends in logits.',
      'Load a decoder-only model that generates text.',
    );
  }
  const session = await model.sessions.open({ taps: [], edits: [{ kind: 'replace', hook: end, input }] });
  const width = streams[0]?.dims.at(-1) ?? 0;
  const size = ids.length * width;
  const values = new Float32Array(streams.length * size);
  for (const [at, { data }] of streams.entries()) values.set(data, at * size);
  const fed = new runtime.ort.Tensor('float32', values, [streams.length, ids.length, width]);
  const feeds = completeFeeds(runtime.ort, instrumented, { input_ids: idTensor(streams.map(() => ids)) });
  const fetches = await session.run({ ...feeds, [input]: fed });
  try {
    const logits = fetches[instrumented.anatomy.logits];
    if (logits === undefined) throw new RangeError('The graph gave no logits.');
    const length = logits.dims.at(-1) ?? 0;
    const rows = Array.from({ length: streams.length * ids.length }, (_, row) => row * length);
    const wanted = Math.min(k, length);
    let statistics: readonly TokenStatistics[];
    if (logits.location === 'gpu-buffer' && executor !== undefined) {
      const buffer = logits.gpuBuffer as GPUBuffer;
      const half = logits.type === 'float16';
      const queries = rows.map((offset) => reducedOnGpu({ buffer, offset, length, half }, wanted, 1));
      statistics = (await executor.ask(...queries)).map((reduced) => reduced.statistics);
    } else {
      const { data } = toFloatTensor(logits);
      statistics = rows.map((offset) => tokenStatistics(data.subarray(offset, offset + length), wanted));
    }
    return streams.map((_, at) => statistics.slice(at * ids.length, (at + 1) * ids.length));
  } finally {
    for (const tensor of Object.values(fetches)) tensor.dispose();
  }
}
