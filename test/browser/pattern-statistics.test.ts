import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attentionStatistics } from '../../src/kernels/attention-statistics.ts';
import { type PatternShape, patternOf } from '../../src/kernels/pattern.ts';
import { patternStatisticsOnGpu } from '../../src/kernels/pattern-statistics.gpu.ts';
import { loadFolder } from '../../src/load/load.ts';
import { remoteSource } from '../../src/load/remote.ts';
import { createCache } from '../../src/run/cache.ts';
import { openGpu } from '../../src/run/device.ts';
import { completeFeeds, idTensor } from '../../src/run/feeds.ts';
import { logitLens } from '../../src/run/lens.ts';
import { loadWeights } from '../../src/run/load-parts.ts';
import { closeModel, type LoadedModel, openModel } from '../../src/run/model.ts';
import { startRuntime } from '../../src/run/runtime.worker.ts';
import { keyedPatterns, watchSummary } from '../../src/run/watch.ts';
import { floatToHalf, halfToFloat } from '../../src/shared/half.ts';
import type { AttentionStatistics } from '../../src/shared/statistics.ts';
import { attentionFields } from '../../src/shared/statistics.ts';
import { type KernelDevice, normal, openKernelDevice, packedHalves } from './kernel-device.ts';

let gpu: KernelDevice;
beforeAll(async () => {
  gpu = await openKernelDevice();
});
afterAll(() => gpu.dispose());

type Look = (
  queries: Float32Array<ArrayBuffer>,
  keys: Float32Array<ArrayBuffer>,
  shape: PatternShape,
  ids: readonly number[],
) => Promise<AttentionStatistics>;

const byOracle: Look = async (queries, keys, shape, ids) =>
  attentionStatistics(patternOf(queries, keys, shape), shape, ids);

const onGpu: Look = (queries, keys, shape, ids) =>
  gpu.ask([queries, keys, Uint32Array.from(ids)], (q, k, tokens) =>
    patternStatisticsOnGpu(
      q as GPUBuffer,
      { buffer: k as GPUBuffer, type: 'float32' },
      shape,
      tokens as GPUBuffer,
    ),
  );

/** The same keys in half precision; made of halves, they are equal. */
const onGpuFromHalves: Look = (queries, keys, shape, ids) =>
  gpu.ask([queries, packedHalves(Array.from(keys, floatToHalf)), Uint32Array.from(ids)], (q, k, tokens) =>
    patternStatisticsOnGpu(
      q as GPUBuffer,
      { buffer: k as GPUBuffer, type: 'float16' },
      shape,
      tokens as GPUBuffer,
    ),
  );

const halves = (values: Float32Array): Float32Array<ArrayBuffer> =>
  Float32Array.from(values, (value) => halfToFloat(floatToHalf(value)));

const one = { heads: 1, kvHeads: 1, scale: 1 } as const;

describe.each<[string, Look]>([
  ['the oracle', byOracle],
  ['WebGPU', onGpu],
  ['WebGPU over float16 keys', onGpuFromHalves],
])('statistics of attention from queries and keys by %s', (_name, look) => {
  it('are those of the published pattern A1, whose logarithms are the scores', async () => {
    // Keys are the axes, so q·k is the number of q on each.
    const a1 = [1, 0, 0, 0.5, 0.5, 0, 0.2, 0.3, 0.5];
    const queries = Float32Array.from(a1, (p) => (p === 0 ? 0 : Math.log(p)));
    const keys = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
    const found = await look(queries, keys, { ...one, queries: 3, keys: 3, size: 3 }, [7, 8, 7]);
    const close = (field: keyof AttentionStatistics, expected: readonly number[]): void =>
      expected.forEach((value, row) => {
        expect(found[field][row], `${field} ${row}`).toBeCloseTo(value, 5);
      });
    close('entropy', [0, Math.LN2, 1.0296530141]);
    close('first', [1, 0.5, 0.2]);
    close('previous', [0, 0.5, 0.3]);
    close('induction', [0, 0, 0.3]);
    close('max', [1, 0.5, 0.5]);
  });

  it('see of a window its keys only, and of a cap its tangent', async () => {
    // One number a head: scores 0, 1 … 5 of the last of six positions.
    const queries = Float32Array.of(1);
    const keys = Float32Array.of(0, 1, 2, 3, 4, 5);
    const shape = { ...one, queries: 1, keys: 6, size: 1 };
    const ids = [1, 2, 3, 4, 5, 6];
    const windowed = await look(queries, keys, { ...shape, window: 2 }, ids);
    const share = Math.E / (1 + Math.E);
    expect(windowed.max[0]).toBeCloseTo(share, 5);
    expect(windowed.previous[0]).toBeCloseTo(1 - share, 5);
    expect(windowed.first[0]).toBe(0);
    const capped = await look(queries, Float32Array.of(0, 60_000), { ...shape, keys: 2, cap: 2 }, [1, 2]);
    expect(capped.max[0]).toBeCloseTo(Math.exp(2) / (1 + Math.exp(2)), 5);
  });

  it('say of a row with a score that is no number that none of it is', async () => {
    const keys = Float32Array.of(1, Number.NaN, 1, Number.POSITIVE_INFINITY, 1, Number.NEGATIVE_INFINITY);
    const shape = { ...one, queries: 6, keys: 6, size: 1 };
    const found = await look(Float32Array.of(1, 1, 1, 1, 1, 1), keys, shape, [1, 2, 3, 4, 5, 6]);
    expect([...found.notFinite]).toEqual([0, 6, 6, 6, 6, 6]);
    expect([...found.max]).toEqual([1, 0, 0, 0, 0, 0]);
    const masked = Float32Array.of(Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY, 0);
    const rest = await look(Float32Array.of(1), masked, { ...shape, queries: 1, keys: 4 }, [1, 2, 3, 4]);
    expect(rest.entropy[0]).toBeCloseTo(Math.LN2, 5);
    expect([rest.notFinite[0], rest.first[0]]).toEqual([0, 0]);
  });
});

const shapes = fc
  .record({
    kvHeads: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 5 }),
    queries: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 21 })),
    past: fc.integer({ min: 0, max: 150 }),
    size: fc.constantFrom(1, 3, 16, 50, 64, 128, 256),
    window: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    cap: fc.option(fc.constantFrom(0.5, 30), { nil: undefined }),
    vocabulary: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ group, past, window, cap, vocabulary, ...rest }) => ({
    vocabulary,
    shape: {
      ...rest,
      heads: group * rest.kvHeads,
      keys: past + rest.queries,
      scale: 1 / Math.sqrt(rest.size),
      ...(window === undefined ? {} : { window }),
      ...(cap === undefined ? {} : { cap }),
    } satisfies PatternShape,
  }));

it('any shape of heads, cache, window and cap gives on the GPU what it gives in float64', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async ({ shape, vocabulary }) => {
      const values = halves(
        normal((shape.queries * shape.heads + shape.keys * shape.kvHeads) * shape.size, 1.5),
      );
      const queries = values.slice(0, shape.queries * shape.heads * shape.size);
      const keys = values.slice(queries.length);
      const ids = Array.from({ length: shape.keys }, (_, at) => (at * at) % vocabulary);
      const expected = await byOracle(queries, keys, shape, ids);
      for (const found of [
        await onGpu(queries, keys, shape, ids),
        await onGpuFromHalves(queries, keys, shape, ids),
      ])
        for (const field of attentionFields)
          for (const [row, value] of expected[field].entries())
            expect(Math.abs((found[field][row] ?? Number.NaN) - value), `${field} ${row}`).toBeLessThan(5e-5);
    }),
    { numRuns: 60, seed: 5 },
  );
});

describe('GroupQueryAttention on WebGPU', () => {
  const runtime = startRuntime({ threads: 1 });
  const text = [3, 9, 27, 9, 27, 3, 9, 500];
  let model: LoadedModel;
  beforeAll(async () => {
    const source = remoteSource('llama', `${location.origin}/test/zoo/llama-gqa-genai/`);
    const weights = await loadWeights(source, 'fp32', {});
    if (weights === undefined) throw new Error('the zoo has no llama-gqa-genai');
    model = await openModel(runtime, await loadFolder(source, {}), weights, await openGpu());
  });
  afterAll(async () => {
    await closeModel(model);
    model.gpu?.device.destroy();
  });

  it('is summarised from keys in the cache as its patterns in the graph are', async () => {
    const keyed = keyedPatterns(model);
    expect([...keyed.keys()]).toEqual(model.instrumented.resolve(['blocks.*.attn.hook_pattern']));
    const taps = [...keyed].flatMap(([hook, { queries }]) => [hook, queries]);
    const session = await model.sessions.open({ taps, edits: [] });
    const patterns = session.graph.taps.filter(({ hook }) => keyed.has(hook));
    const queries = session.graph.taps.filter(({ hook }) => !keyed.has(hook));
    const cache = createCache(model);
    const [beside, inGraph] = [watchSummary(model.executor, keyed), watchSummary(model.executor)];
    for (const fresh of [text.slice(0, 4), text.slice(4)]) {
      const ids = { input_ids: idTensor([fresh]) };
      const fetches = await session.run(completeFeeds(runtime.ort, model.instrumented, ids, cache.feeds));
      cache.take(fresh, fetches, undefined);
      const looks = [
        beside.look(queries, fetches, cache.ids),
        inGraph.look(patterns, fetches, cache.ids),
      ] as const;
      const [found, expected] = (await model.executor?.ask(...looks)) ?? [];
      expect([...(found?.attention.keys() ?? [])]).toEqual([...keyed.keys()]);
      for (const [hook, statistics] of expected?.attention ?? [])
        for (const field of attentionFields)
          for (const [row, value] of statistics[field].entries())
            expect(found?.attention.get(hook)?.[field][row], `${hook} ${field} ${row}`).toBeCloseTo(value, 4);
    }
  });

  it('has a lens that says of a few rows at a time what it says of all', async () => {
    const whole = await logitLens(model, text, 3);
    const parts = await logitLens(model, text, 3, 4 * 1024);
    const entropies = (lens: typeof whole) => lens.flat().map(({ entropy }) => entropy.toFixed(3));
    expect(entropies(parts)).toEqual(entropies(whole));
    expect(parts.map((rows) => rows.map(({ top }) => top[0]?.id))).toEqual(
      whole.map((rows) => rows.map(({ top }) => top[0]?.id)),
    );
  });
});
