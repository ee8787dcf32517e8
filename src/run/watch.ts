import type { KeyedPattern, TapOutput } from '../instrument/instrumented.ts';
import { rowStatisticsOnGpu } from '../kernels/activation-statistics.gpu.ts';
import { rowStatistics } from '../kernels/activation-statistics.ts';
import { attentionStatisticsOnGpu } from '../kernels/attention-statistics.gpu.ts';
import { attentionStatistics } from '../kernels/attention-statistics.ts';
import type { Executor, Query } from '../kernels/kernel.ts';
import { mostHeadSize, patternStatisticsOnGpu } from '../kernels/pattern-statistics.gpu.ts';
import type { AttentionStatistics, RowStatistics } from '../shared/statistics.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { toFloatTensor } from './float.ts';
import type { LoadedModel } from './model.ts';
import type { OrtTensor } from './runtime.ts';
import type { Fetches } from './sessions.ts';

/** Looks at what the taps of each forward gave, before they are freed. */
export interface Watcher<T> {
  /**
   * @param ids tokens the forward has seen, its own last
   * @returns the work for the GPU; what lies on the CPU is looked at when the answer is asked for
   */
  look(taps: readonly TapOutput[], fetches: Fetches, ids: readonly number[]): Query<T>;
  dispose(): void;
}

/** What the hooks of one forward look like, without their values. */
export interface Summary {
  /** By hook, rows [heads, queries]. */
  readonly attention: ReadonlyMap<string, AttentionStatistics & { readonly heads: number }>;
  /** By hook, one row a position. */
  readonly activations: ReadonlyMap<string, RowStatistics>;
}

/** Hooks that a summary is made of. Cross-attention has no token before and no earlier occurrence. */
export const summarised: readonly string[] = [
  '**.attn.hook_pattern',
  '**.hook_resid_post',
  '**.mlp.hook_post',
];

type Named<T> = readonly [hook: string, value: T];

/** Patterns of which a summary needs no more than queries: the GPU has the keys, and writes the pattern nowhere. */
export const keyedPatterns = ({ instrumented, executor }: LoadedModel): ReadonlyMap<string, KeyedPattern> =>
  new Map(
    executor === undefined ? [] : [...instrumented.keyed].filter(([, { size }]) => size <= mostHeadSize),
  );

/** @param keyed patterns whose queries are tapped in their place */
export function watchSummary(
  executor: Executor | undefined,
  keyed: ReadonlyMap<string, KeyedPattern> = new Map(),
): Watcher<Summary> {
  const tokens = createTokens(executor);
  return {
    look(taps, fetches, ids) {
      const found = taps.flatMap(({ hook, output }) => {
        const tensor = fetches[output];
        return tensor === undefined ? [] : [[hook, tensor] as const];
      });
      const tensors = new Map(found);
      const attention = found.filter(([hook]) => hook.endsWith('.attn.hook_pattern'));
      const others = found.filter(([hook]) => !hook.includes('attn.hook_'));
      const beside = [...keyed].flatMap(([hook, pattern]) => {
        const [queries, keys] = [tensors.get(pattern.queries), fetches[pattern.keys]];
        if (queries === undefined || keys === undefined) return [];
        return [[hook, keyedAttention(queries, keys, pattern, ids, tokens)] as const];
      });
      return both(
        all([
          ...attention.map(([hook, tensor]) => [hook, attentionOf(tensor, ids, tokens)] as const),
          ...beside,
        ]),
        all(others.map(([hook, tensor]) => [hook, rowsOf(tensor)] as const)),
      );
    },
    dispose: () => tokens.dispose(),
  };
}

/** Rows of attention as each forward gives them [1, h, q, k], so that a map can grow while the text does. */
export const watchRows = (executor: Executor | undefined): Watcher<ReadonlyMap<string, FloatTensor>> => ({
  look: (taps, fetches) =>
    all(
      taps.flatMap(({ hook, output }): Named<Query<FloatTensor>>[] => {
        const tensor = fetches[output];
        if (tensor === undefined || !hook.endsWith('attn.hook_pattern')) return [];
        const dims = [...tensor.dims];
        if (tensor.location !== 'gpu-buffer' || executor === undefined)
          return [[hook, computed(() => copyOf(toFloatTensor(tensor)))]];
        const copy = { buffer: tensor.gpuBuffer as GPUBuffer, offset: 0, bytes: tensor.size * 4 };
        return [
          [
            hook,
            {
              steps: [copy],
              answer: ([read = new ArrayBuffer()]) => ({
                type: 'float32',
                dims,
                data: new Float32Array(read),
              }),
            },
          ],
        ];
      }),
    ),
  dispose: () => undefined,
});

const copyOf = (tensor: FloatTensor): FloatTensor => ({ ...tensor, data: tensor.data.slice() });

function attentionOf(
  tensor: OrtTensor,
  ids: readonly number[],
  tokens: Tokens,
): Query<AttentionStatistics & { readonly heads: number }> {
  const [, heads = 0, queries = 0, keys = 0] = tensor.dims;
  const shape = { heads, queries, keys };
  const seen = ids.slice(0, keys);
  const buffer = tensor.location === 'gpu-buffer' ? tokens.upload(seen) : undefined;
  const query =
    buffer === undefined
      ? computed(() => attentionStatistics(toFloatTensor(tensor).data, shape, seen))
      : attentionStatisticsOnGpu(tensor.gpuBuffer as GPUBuffer, shape, buffer);
  return { steps: query.steps, answer: (read) => ({ ...query.answer(read), heads }) };
}

function keyedAttention(
  queries: OrtTensor,
  keys: OrtTensor,
  pattern: KeyedPattern,
  ids: readonly number[],
  tokens: Tokens,
): Query<AttentionStatistics & { readonly heads: number }> {
  const shape = { ...pattern, queries: queries.dims[1] ?? 0, keys: keys.dims[2] ?? 0 };
  const seen = tokens.upload(ids.slice(0, shape.keys));
  if (seen === undefined) throw new RangeError('Keys lie on the GPU, and no executor is there.');
  const { steps, answer } = patternStatisticsOnGpu(
    queries.gpuBuffer as GPUBuffer,
    { buffer: keys.gpuBuffer as GPUBuffer, type: keys.type === 'float16' ? 'float16' : 'float32' },
    shape,
    seen,
  );
  return { steps, answer: (read) => ({ ...answer(read), heads: pattern.heads }) };
}

function rowsOf(tensor: OrtTensor): Query<RowStatistics> {
  const width = tensor.dims.at(-1) ?? 0;
  const rows = width === 0 ? 0 : tensor.size / width;
  return tensor.location === 'gpu-buffer'
    ? rowStatisticsOnGpu(tensor.gpuBuffer as GPUBuffer, rows, width)
    : computed(() => rowStatistics(toFloatTensor(tensor).data, rows, width));
}

const computed = <T>(work: () => T): Query<T> => ({ steps: [], answer: work });

/** Several queries as one, each handed the bytes of its own steps. */
function all<T>(queries: readonly Named<Query<T>>[]): Query<ReadonlyMap<string, T>> {
  return {
    steps: queries.flatMap(([, { steps }]) => steps),
    answer(read) {
      let at = 0;
      return new Map(
        queries.map(([name, { steps, answer }]) => {
          at += steps.length;
          return [name, answer(read.slice(at - steps.length, at))];
        }),
      );
    },
  };
}

function both(
  attention: Query<Summary['attention']>,
  activations: Query<Summary['activations']>,
): Query<Summary> {
  return {
    steps: [...attention.steps, ...activations.steps],
    answer: (read) => ({
      attention: attention.answer(read.slice(0, attention.steps.length)),
      activations: activations.answer(read.slice(attention.steps.length)),
    }),
  };
}

interface Tokens {
  /** The buffer that holds at least these ids; only those that were not there yet are written. */
  upload(ids: readonly number[]): GPUBuffer | undefined;
  dispose(): void;
}

function createTokens(executor: Executor | undefined): Tokens {
  let buffer: GPUBuffer | undefined;
  let known: readonly number[] = [];
  return {
    upload(ids) {
      if (executor === undefined) return undefined;
      if (buffer === undefined || buffer.size < ids.length * 4) {
        buffer?.destroy();
        const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
        buffer = executor.device.createBuffer({ size: 4096 * Math.ceil(ids.length / 512), usage });
        known = [];
      }
      const first = ids.findIndex((id, at) => known[at] !== id);
      if (first >= 0) executor.write(buffer, first * 4, Uint32Array.from(ids.slice(first)));
      known = ids;
      return buffer;
    },
    dispose: () => buffer?.destroy(),
  };
}
