import { tokenStatisticsOnGpu } from '../kernels/token-statistics.gpu.ts';
import { tokenStatisticsBySimd } from '../kernels/token-statistics.simd.ts';
import type { TokenStatistics } from '../kernels/token-statistics.ts';
import { SondeError } from '../shared/errors.ts';
import { completeFeeds, idTensor } from './feeds.ts';
import { toFloatTensor } from './float.ts';
import { emptyOnGpu } from './gpu-tensor.ts';
import type { LoadedModel } from './model.ts';
import type { OrtTensor } from './runtime.ts';
import type { PlanSession } from './sessions.ts';

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
 * block is put in place of the last one's, so final norm and unembedding are the model's own, whatever its dtype. On
 * the GPU streams and logits stay there, and only statistics come back.
 * @param ids [p]
 * @param k likeliest tokens of each position
 * @param mostLogits of one forward: 32 MiB of them, however large the vocabulary and long the text
 * @returns by block, by position
 * @throws SondeError `wrong_task`; `invalid_plan` where the end of the stream is in no tensor of the graph
 */
export async function logitLens(
  model: LoadedModel,
  ids: readonly number[],
  k: number,
  mostLogits: number = 2 ** 23,
): Promise<readonly (readonly TokenStatistics[])[]> {
  const { instrumented, sessions } = model;
  const hooks = streamHooks(model);
  const end = hooks.at(-1);
  const { logits = '' } = instrumented.anatomy;
  if (end === undefined || logits === '') {
    throw new SondeError(
      'wrong_task',
      'This model has no residual stream that ends in logits.',
      'Load a decoder-only model that generates text.',
    );
  }
  const ending = await sessions.open({ taps: [], edits: [{ kind: 'replace', hook: end, input }] });
  const tapped = await sessions.open({ taps: hooks, edits: [] });
  const feeds = completeFeeds(model.runtime.ort, instrumented, { input_ids: idTensor([ids]) });
  const fetches = await tapped.run(feeds);
  try {
    const vocabulary = fetches[logits]?.dims.at(-1) ?? 1;
    const most = Math.max(1, Math.floor(mostLogits / vocabulary));
    const found: TokenStatistics[][] = [];
    for (const { output } of tapped.graph.taps) {
      const stream = fetches[output];
      if (stream === undefined) throw new RangeError(`The graph gave no ${output}.`);
      const rows: TokenStatistics[] = [];
      for (let from = 0; from < ids.length; from += most) {
        const part = ids.slice(from, from + most);
        const values: OrtTensor =
          part.length === ids.length ? stream : rowsOf(model, stream, from, part.length);
        rows.push(...(await endOf(model, ending, part, values, k)));
        if (values !== stream) values.dispose();
      }
      found.push(rows);
    }
    return found;
  } finally {
    for (const tensor of new Set(Object.values(fetches))) tensor.dispose();
  }
}

/**
 * What the end of the model says of rows of a stream. It looks at each of them alone, so what the blocks before it make
 * of `ids` does not matter.
 * @param stream [1, p, d]
 */
async function endOf(
  { runtime, instrumented, executor }: LoadedModel,
  session: PlanSession,
  ids: readonly number[],
  stream: OrtTensor,
  k: number,
): Promise<readonly TokenStatistics[]> {
  const feeds = completeFeeds(runtime.ort, instrumented, { input_ids: idTensor([ids]) });
  const fetches = await session.run({ ...feeds, [input]: stream });
  try {
    const logits = fetches[instrumented.anatomy.logits ?? ''];
    if (logits === undefined) throw new RangeError('The graph gave no logits.');
    const length = logits.dims.at(-1) ?? 0;
    const rows = ids.map((_, row) => row * length);
    const wanted = Math.min(k, length);
    if (logits.location === 'gpu-buffer' && executor !== undefined) {
      const buffer = logits.gpuBuffer as GPUBuffer;
      const half = logits.type === 'float16';
      const queries = rows.map((offset) => tokenStatisticsOnGpu({ buffer, offset, length, half }, wanted));
      return await executor.ask(...queries);
    }
    const { data } = toFloatTensor(logits);
    return rows.map((offset) => tokenStatisticsBySimd(data.subarray(offset, offset + length), wanted));
  } finally {
    for (const tensor of Object.values(fetches)) tensor.dispose();
  }
}

/** Some positions of a stream [1, p, d], where it lies. */
function rowsOf({ runtime, gpu }: LoadedModel, stream: OrtTensor, from: number, count: number): OrtTensor {
  const [, , width = 0] = stream.dims;
  const dims = [1, count, width];
  if (stream.location !== 'gpu-buffer' || gpu === undefined) {
    const { data } = toFloatTensor(stream);
    return new runtime.ort.Tensor('float32', data.subarray(from * width, (from + count) * width), dims);
  }
  const rows = emptyOnGpu(runtime.ort, gpu.device, stream, dims);
  const encoder = gpu.device.createCommandEncoder({ label: 'lens' });
  encoder.copyBufferToBuffer(
    stream.gpuBuffer as GPUBuffer,
    from * width * 4,
    rows.buffer,
    0,
    count * width * 4,
  );
  gpu.device.queue.submit([encoder.finish()]);
  return rows.tensor;
}
