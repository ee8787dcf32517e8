import type { KeyedPattern, TapOutput } from '../instrument/instrumented.ts';
import { rowStatisticsOnGpu } from '../kernels/activation-statistics.gpu.ts';
import { rowStatisticsBySimd } from '../kernels/activation-statistics.simd.ts';
import { attentionStatisticsOnGpu } from '../kernels/attention-statistics.gpu.ts';
import { attentionStatisticsBySimd } from '../kernels/attention-statistics.simd.ts';
import type { Executor, Query } from '../kernels/kernel.ts';
import { mostHeadSize, patternStatisticsOnGpu } from '../kernels/pattern-statistics.gpu.ts';
import {
  type AttentionStatistics,
  attentionPart,
  type RowStatistics,
  rowsPart,
} from '../shared/statistics.ts';
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

type HeadStatistics = AttentionStatistics & { readonly heads: number };

/** What the hooks of one forward look like, without their values. */
export interface Summary {
  /** By hook, rows [heads, queries]. */
  readonly attention: ReadonlyMap<string, HeadStatistics>;
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
  // One session's taps, forward after forward.
  let last: readonly TapOutput[] = [];
  let outputs = hooksByOutput(last);
  return {
    look(taps, fetches, ids) {
      if (taps !== last) outputs = hooksByOutput(taps);
      last = taps;
      const found: Output[] = [];
      for (const [output, hooks] of outputs) {
        const tensor = fetches[output];
        if (tensor !== undefined) found.push({ hooks, tensor });
      }
      const tensors = new Map(found.flatMap(({ hooks, tensor }) => hooks.map((hook) => [hook, tensor])));
      const attention = found.filter(({ hooks }) => hooks[0]?.endsWith('.attn.hook_pattern'));
      const others = found.filter(({ hooks }) => !hooks[0]?.includes('attn.hook_'));
      const beside = [...keyed].flatMap(([hook, pattern]) => {
        const [queries, keys] = [tensors.get(pattern.queries), fetches[pattern.keys]];
        if (queries === undefined || keys === undefined) return [];
        return [[hook, keyedAttention(queries, keys, pattern, ids, tokens)] as const];
      });
      return both(
        all([...attention.flatMap((output) => attentionOf(output, ids, tokens)), ...beside]),
        all(others.flatMap(rowsOf)),
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

/** One output of a forward: a hook's, or that of several, each a part of it. */
interface Output {
  readonly hooks: readonly string[];
  readonly tensor: OrtTensor;
}

/** Which hooks each output holds, in the order of its parts. */
function hooksByOutput(taps: readonly TapOutput[]): ReadonlyMap<string, readonly string[]> {
  const hooks = new Map<string, string[]>();
  for (const { hook, output } of taps) {
    const known = hooks.get(output);
    if (known === undefined) hooks.set(output, [hook]);
    else known.push(hook);
  }
  return hooks;
}

function attentionOf(
  { hooks, tensor }: Output,
  ids: readonly number[],
  tokens: Tokens,
): readonly Named<Query<HeadStatistics>>[] {
  const [, heads = 0, queries = 0, keys = 0] = tensor.dims;
  const seen = ids.slice(0, keys);
  const buffer = tensor.location === 'gpu-buffer' ? tokens.upload(seen) : undefined;
  if (buffer === undefined) {
    const shape = { heads: heads * hooks.length, queries, keys };
    const work = () => attentionStatisticsBySimd(toFloatTensor(tensor).data, shape, seen);
    return parts(hooks, work, (whole, part) => ({ ...attentionPart(whole, part, heads * queries), heads }));
  }
  const shape = { heads, queries, keys };
  const { steps, answer } = attentionStatisticsOnGpu(tensor.gpuBuffer as GPUBuffer, shape, buffer);
  return hooks.map((hook) => [hook, { steps, answer: (read) => ({ ...answer(read), heads }) }]);
}

/** Computed once for all hooks of an output. */
function parts<Whole, Part>(
  hooks: readonly string[],
  work: () => Whole,
  partOf: (whole: Whole, part: number) => Part,
): readonly Named<Query<Part>>[] {
  let whole: Whole | undefined;
  return hooks.map((hook, part) => [
    hook,
    computed(() => {
      whole ??= work();
      return partOf(whole, part);
    }),
  ]);
}

function keyedAttention(
  queries: OrtTensor,
  keys: OrtTensor,
  pattern: KeyedPattern,
  ids: readonly number[],
  tokens: Tokens,
): Query<HeadStatistics> {
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

function rowsOf({ hooks, tensor }: Output): readonly Named<Query<RowStatistics>>[] {
  const width = tensor.dims.at(-1) ?? 0;
  const rows = width === 0 ? 0 : tensor.size / width;
  if (tensor.location === 'gpu-buffer')
    return hooks.map((hook) => [hook, rowStatisticsOnGpu(tensor.gpuBuffer as GPUBuffer, rows, width)]);
  const work = () => rowStatisticsBySimd(toFloatTensor(tensor).data, rows, width);
  return parts(hooks, work, (whole, part) => rowsPart(whole, part, rows / hooks.length));
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
