import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowStatisticsOnGpu } from '../../src/kernels/activation-statistics.gpu.ts';
import { rowStatisticsBySimd } from '../../src/kernels/activation-statistics.simd.ts';
import { rowStatistics } from '../../src/kernels/activation-statistics.ts';
import { attentionStatisticsOnGpu } from '../../src/kernels/attention-statistics.gpu.ts';
import { attentionStatisticsBySimd } from '../../src/kernels/attention-statistics.simd.ts';
import { type AttentionShape, attentionStatistics } from '../../src/kernels/attention-statistics.ts';
import type { Query } from '../../src/kernels/kernel.ts';
import {
  candidatesOnGpu,
  type LogitsOnGpu,
  tokenStatisticsOnGpu,
} from '../../src/kernels/token-statistics.gpu.ts';
import { candidatesBySimd, tokenStatisticsBySimd } from '../../src/kernels/token-statistics.simd.ts';
import {
  type Candidates,
  candidatesOf,
  type Tempering,
  type TokenStatistics,
  tokenStatistics,
} from '../../src/kernels/token-statistics.ts';
import { floatToHalf, halfToFloat } from '../../src/shared/half.ts';
import {
  type AttentionStatistics,
  attentionFields,
  type RowStatistics,
} from '../../src/shared/statistics.ts';
import { type KernelDevice, normal, openKernelDevice, packedHalves } from './kernel-device.ts';

type Compute = (row: Float32Array<ArrayBuffer>, k: number) => Promise<TokenStatistics>;

let gpu: KernelDevice;
beforeAll(async () => {
  gpu = await openKernelDevice();
});
afterAll(() => gpu.dispose());

/** Vocabularies and rows: the edges of a workgroup and of a share, and what models have. */
const sizes = [1, 2, 63, 64, 65, 256, 257, 1000, 8192, 8193, 50_257, 128_256, 200_000] as const;

const half = (value: number): number => halfToFloat(floatToHalf(value));

/** The row lies somewhere inside a larger, padded buffer, as the runtime's do: rubbish around it must not count. */
function askRow<T>(
  row: Float32Array,
  isHalf: boolean,
  others: readonly Uint32Array<ArrayBuffer>[],
  about: (row: LogitsOnGpu, ...others: readonly GPUBuffer[]) => Query<T>,
): Promise<T> {
  const offset = 3;
  const whole = new Float32Array(offset + row.length + 61).fill(6e4);
  whole.set(row, offset);
  const laid = isHalf ? packedHalves(Array.from(whole, floatToHalf)) : whole;
  return gpu.ask([laid, ...others], (buffer, ...rest) =>
    about({ buffer: buffer as GPUBuffer, offset, length: row.length, half: isHalf }, ...rest),
  );
}

const onGpu =
  (isHalf: boolean): Compute =>
  (row, k) =>
    askRow(row, isHalf, [], (on) => tokenStatisticsOnGpu(on, k));

const bySimd: Compute = async (row, k) => tokenStatisticsBySimd(row, k);

describe.each<[string, Compute, number]>([
  ['the oracle', async (row, k) => tokenStatistics(row, k), 1e-12],
  ['SIMD', bySimd, 1e-6],
  ['WebGPU', onGpu(false), 2e-5],
  ['WebGPU over float16 logits', onGpu(true), 2e-5],
])('token statistics by %s', (_name, compute, tolerance) => {
  it('are those of the published vector', async () => {
    // logits [2,1,0,-1]: facts of the signal vectors, computed with NumPy.
    const found = await compute(Float32Array.of(2, 1, 0, -1), 4);
    expect(Math.abs(found.entropy - 0.9475369639754255)).toBeLessThan(tolerance);
    expect(Math.abs(found.varentropy - 0.6165862748555078)).toBeLessThan(tolerance);
    expect(Math.abs(found.logSumExp - 2.4401896985611953)).toBeLessThan(tolerance * 3);
    expect(found.top).toEqual([2, 1, 0, -1].map((logit, id) => ({ id, logit })));
  });

  it.each(sizes)('agree with sums in float64 over %i logits', async (length) => {
    const row = normal(length, 4).map(half);
    const k = 10;
    const largest = row.reduce((a, b) => Math.max(a, b));
    const weights = Float64Array.from(row, (x) => Math.exp(x - largest));
    const sum = weights.reduce((a, b) => a + b, 0);
    const surprise = (index: number): number => -Math.log((weights[index] ?? 0) / sum);
    const entropy = weights.reduce((total, weight, index) => total + (weight / sum) * surprise(index), 0);
    const varentropy = weights.reduce(
      (total, weight, index) => total + (weight / sum) * (surprise(index) - entropy) ** 2,
      0,
    );
    const order = [...row.keys()].sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0) || a - b).slice(0, k);

    const found = await compute(row, k);
    expect(Math.abs(found.logSumExp - (largest + Math.log(sum)))).toBeLessThanOrEqual(
      tolerance * Math.max(1, largest),
    );
    expect(Math.abs(found.entropy - entropy)).toBeLessThanOrEqual(tolerance * Math.max(1, entropy));
    expect(Math.abs(found.varentropy - varentropy)).toBeLessThanOrEqual(
      tolerance * Math.max(1, varentropy) * 4,
    );
    expect(found.top.map(({ id }) => id)).toEqual(order);
    expect(found.top.map(({ logit }) => logit)).toEqual(order.map((id) => row[id]));
  });

  it('give masked tokens no probability and no place among the likeliest', async () => {
    const row = Float32Array.of(Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY, 0);
    const found = await compute(row, 3);
    expect(Math.abs(found.entropy - Math.LN2)).toBeLessThan(1e-6);
    expect(found.top).toEqual([
      { id: 1, logit: 0 },
      { id: 3, logit: 0 },
    ]);
  });

  it('order equal logits by their id', async () => {
    const found = await compute(new Float32Array(700).fill(1.5), 8);
    expect(found.top.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(Math.abs(found.entropy - Math.log(700))).toBeLessThan(1e-4);
  });

  it.each([
    ['NaN', [1, Number.NaN, 2]],
    ['+inf', [1, Number.POSITIVE_INFINITY, 2]],
    ['nothing but masked tokens', [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ])('refuse a row with %s', async (_what, logits) => {
    await expect(compute(Float32Array.from(logits), 2)).rejects.toMatchObject({ code: 'run_failed' });
  });
});

type Choose = (row: Float32Array, k: number, tempering: Tempering) => Promise<Candidates>;
const chooseOnGpu: Choose = (row, k, tempering) =>
  askRow(row, false, [tempering.seen], (on, seen) => candidatesOnGpu(on, k, tempering, seen as GPUBuffer));

describe.each<[string, Choose, number]>([
  ['the oracle', async (...call) => candidatesOf(...call), 1e-12],
  ['SIMD', async (...call) => candidatesBySimd(...call), 1e-6],
  ['WebGPU', chooseOnGpu, 2e-5],
])('candidates by %s', (_name, compute, tolerance) => {
  it('are those of transformers: RepetitionPenaltyLogitsProcessor(1.3) over ids 0, 3 and 4', async () => {
    // transformers 4.57.6 on logits [2, 1, 0, -1, 1.5, 0.5] with input_ids [[0, 3, 4, 0]].
    const seen = Uint32Array.of(0b11001);
    const found = await compute(Float32Array.of(2, 1, 0, -1, 1.5, 0.5), 6, {
      temperature: 1,
      penalty: 1.3,
      seen,
    });
    expect(found.top.map(({ id }) => id)).toEqual([0, 4, 1, 5, 2, 3]);
    const expected = [1.5384615659713745, 1.1538461446762085, 1, 0.5, 0, -1.2999999523162842];
    found.top.forEach(({ logit }, at) => {
      expect(logit).toBeCloseTo(expected[at] ?? 0, 6);
    });
    expect(found.isWhole).toBe(true);
  });

  it.each([1, 33, 8192, 8193, 50_257])('weigh %i penalised logits at a temperature', async (length) => {
    const row = normal(length, 4);
    const seen = new Uint32Array(Math.ceil(length / 32)).map((_, word) => (word * 0x9e3779b9) >>> 0);
    const tempering = { temperature: 0.7, penalty: 1.2, seen };
    const changed = Array.from(row, (logit, id) =>
      ((seen[id >> 5] ?? 0) >>> (id & 31)) & 1 ? Math.fround(logit < 0 ? logit * 1.2 : logit / 1.2) : logit,
    );
    const order = [...changed.keys()].sort((a, b) => (changed[b] ?? 0) - (changed[a] ?? 0) || a - b);
    const largest = changed[order[0] ?? 0] ?? 0;
    const sum = changed.reduce((total, x) => total + Math.exp((x - largest) / 0.7), 0);
    const found = await compute(row, 20, tempering);
    expect(found.top.map(({ id }) => id)).toEqual(order.slice(0, 20));
    expect(Math.abs(found.logSumExp - largest / 0.7 - Math.log(sum))).toBeLessThanOrEqual(
      Math.max(1, largest / 0.7) * Math.max(tolerance, 1e-6),
    );
  });
});

type LookAtAttention = (
  pattern: Float32Array<ArrayBuffer>,
  shape: AttentionShape,
  ids: readonly number[],
) => Promise<AttentionStatistics>;

const attentionOnGpu: LookAtAttention = (pattern, shape, ids) =>
  gpu.ask([pattern, Uint32Array.from(ids)], (rows, tokens) =>
    attentionStatisticsOnGpu(rows as GPUBuffer, shape, tokens as GPUBuffer),
  );

describe.each<[string, LookAtAttention]>([
  ['the oracle', async (...call) => attentionStatistics(...call)],
  ['SIMD', async (...call) => attentionStatisticsBySimd(...call)],
  ['WebGPU', attentionOnGpu],
])('statistics of attention rows by %s', (_name, compute) => {
  it('are those of the published pattern A1', async () => {
    const a1 = Float32Array.of(1, 0, 0, 0.5, 0.5, 0, 0.2, 0.3, 0.5);
    const found = await compute(a1, { heads: 1, queries: 3, keys: 3 }, [7, 8, 7]);
    const expected = [0, Math.LN2, 1.0296530141];
    found.entropy.forEach((value, row) => {
      expect(value).toBeCloseTo(expected[row] ?? 0, 5);
    });
    expect([...found.previous]).toEqual([0, 0.5, Math.fround(0.3)]);
    expect([...found.first]).toEqual([1, 0.5, Math.fround(0.2)]);
    // The last token was there at 0, and what followed it stands at 1.
    expect([...found.induction]).toEqual([0, 0, Math.fround(0.3)]);
    expect([...found.max]).toEqual([1, 0.5, 0.5]);
  });

  it('see the whole past in the one row of a step', async () => {
    const row = Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.25, 0.25, 0.25, 0.25);
    const found = await compute(row, { heads: 2, queries: 1, keys: 4 }, [5, 6, 5, 5]);
    expect(found.previous[0]).toBeCloseTo(0.3, 6);
    expect(found.induction[0]).toBeCloseTo(0.2 + 0.4, 6);
    expect(found.entropy[1]).toBeCloseTo(Math.log(4), 5);
  });

  it.each(sizes)('agree with sums in float64 over rows of %i keys', async (keys) => {
    const weights = normal(keys, 1).map((x) => x * x);
    const total = weights.reduce((sum, x) => sum + x, 0);
    const row = weights.map((x) => x / total);
    const ids = Array.from({ length: keys }, (_, at) => at % 10);
    const position = keys - 1;
    const entropy = row.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);
    const induction = row.reduce(
      (sum, p, key) => sum + (key > 0 && ids[key - 1] === ids[position] ? p : 0),
      0,
    );
    const found = await compute(row, { heads: 1, queries: 1, keys }, ids);
    expect(Math.abs((found.entropy[0] ?? 0) - entropy)).toBeLessThan(1e-4 * Math.max(1, entropy));
    expect(Math.abs((found.induction[0] ?? 0) - induction)).toBeLessThan(1e-5);
    expect(found.max[0]).toBe(row.reduce((a, b) => Math.max(a, b), 0));
  });

  it('count what is not finite and leave it out', async () => {
    const row = Float32Array.of(Number.NaN, 0.5, Number.POSITIVE_INFINITY, 0.5, Number.NEGATIVE_INFINITY);
    const found = await compute(row, { heads: 1, queries: 1, keys: 5 }, [1, 2, 3, 4, 5]);
    expect([found.notFinite[0], found.first[0], found.max[0]]).toEqual([3, 0, 0.5]);
    expect(found.entropy[0]).toBeCloseTo(Math.LN2, 5);
  });
});

type LookAtRows = (values: Float32Array<ArrayBuffer>, rows: number, width: number) => Promise<RowStatistics>;

const rowsOnGpu: LookAtRows = (values, rows, width) =>
  gpu.ask([values], (buffer) => rowStatisticsOnGpu(buffer as GPUBuffer, rows, width));

describe.each<[string, LookAtRows]>([
  ['the oracle', async (...call) => rowStatistics(...call)],
  ['SIMD', async (...call) => rowStatisticsBySimd(...call)],
  ['WebGPU', rowsOnGpu],
])('statistics of activations by %s', (_name, compute) => {
  it.each(sizes)('agree with sums in float64 over rows of %i values', async (width) => {
    // A mean far from 0 eats the variance of a careless sum.
    const values = normal(width, 2).map((x, at) => (at % 7 === 0 ? 0 : x + 100));
    const mean = values.reduce((sum, x) => sum + x, 0) / width;
    const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / width);
    const found = await compute(values, 1, width);
    expect(Math.abs((found.mean[0] ?? 0) - mean)).toBeLessThan(1e-4 * Math.max(1, Math.abs(mean)));
    expect(Math.abs((found.standardDeviation[0] ?? 0) - deviation)).toBeLessThan(
      1e-4 * Math.max(1, deviation),
    );
    expect(found.absoluteMaximum[0]).toBe(values.reduce((most, x) => Math.max(most, Math.abs(x)), 0));
    expect(found.zeroFraction[0]).toBeCloseTo(Math.ceil(width / 7) / width, 6);
    expect(found.histogram.reduce((sum, count) => sum + count, 0)).toBe(width);
  });

  it('sort values into powers of two, the edges into the upper bin', async () => {
    const values = Float32Array.of(0, 2 ** -9, 2 ** -8, 0.75, -1, 1.999, 2, 64, 1e30);
    const { histogram } = await compute(values, 1, values.length);
    expect([...histogram]).toEqual([2, 1, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 2]);
  });

  it('tell rows apart, find outliers, and leave out what is not finite', async () => {
    const calm = Array.from({ length: 100 }, (_, at) => (at % 2 === 0 ? 1 : -1));
    const wild = calm.map((x, at) => (at === 3 ? 1000 : x));
    const broken = calm.map((x, at) => (at < 2 ? Number.NaN : at < 4 ? Number.NEGATIVE_INFINITY : x));
    const lost = calm.map(() => Number.NaN);
    const found = await compute(Float32Array.from([...calm, ...wild, ...broken, ...lost]), 4, 100);
    expect([...found.outlierFraction].slice(0, 3)).toEqual([0, Math.fround(0.01), 0]);
    expect([...found.notFinite]).toEqual([0, 0, 4, 100]);
    expect(found.mean[2]).toBeCloseTo(0, 6);
    expect(found.mean[3]).toBeNaN();
    expect(found.absoluteMaximum[3]).toBeNaN();
  });
});

/** Numbers as tensors hold them: mostly ordinary, some masked, huge or tiny. */
const number = fc.oneof(
  { weight: 20, arbitrary: fc.float({ min: -30, max: 30, noNaN: true }) },
  { weight: 2, arbitrary: fc.constantFrom(0, Number.NEGATIVE_INFINITY) },
  { weight: 1, arbitrary: fc.float({ min: -60_000, max: 60_000, noNaN: true }) },
);
const near = (found: number | undefined, expected: number, tolerance: number): boolean =>
  Object.is(found, expected) ||
  Math.abs((found ?? Number.NaN) - expected) <= tolerance * Math.max(1, Math.abs(expected));

describe('any row gives on the GPU, and four at a time, what it gives in float64:', () => {
  it('logits, masked or huge', async () => {
    const rows = fc.array(number, { minLength: 1, maxLength: 700 });
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 12 }), async (values, k) => {
        const row = Float32Array.from(values, half);
        const answer = async (compute: Compute): Promise<TokenStatistics | undefined> =>
          compute(row, k).catch(() => undefined);
        const expected = await answer(async (...call) => tokenStatistics(...call));
        for (const compute of [onGpu(false), onGpu(true), bySimd]) {
          const found = await answer(compute);
          expect(found?.top).toEqual(expected?.top);
          for (const name of ['logSumExp', 'entropy'] as const)
            expect(near(found?.[name] ?? 0, expected?.[name] ?? 0, 5e-5), name).toBe(true);
          expect(near(found?.varentropy ?? 0, expected?.varentropy ?? 0, 5e-4), 'varentropy').toBe(true);
        }
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  it('activations, with values that are not finite among them', async () => {
    const value = fc.oneof(
      { weight: 9, arbitrary: number },
      { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY) },
    );
    const tables = fc
      .record({ rows: fc.integer({ min: 1, max: 5 }), width: fc.integer({ min: 1, max: 150 }) })
      .chain(({ rows, width }) =>
        fc.record({
          rows: fc.constant(rows),
          values: fc.array(value, { minLength: rows * width, maxLength: rows * width }),
        }),
      );
    await fc.assert(
      fc.asyncProperty(tables, async ({ rows, values }) => {
        const data = Float32Array.from(values);
        const width = values.length / rows;
        const expected = rowStatistics(data, rows, width);
        for (const found of [await rowsOnGpu(data, rows, width), rowStatisticsBySimd(data, rows, width)]) {
          expect(found.histogram).toEqual(expected.histogram);
          for (const name of ['absoluteMaximum', 'notFinite', 'zeroFraction'] as const)
            expect(
              found[name].every((each, row) => near(each, expected[name][row] ?? 0, 1e-6)),
              name,
            ).toBe(true);
          // A sum of huge values leaves nothing of small ones, so it is near by the largest.
          for (const name of ['mean', 'standardDeviation'] as const)
            for (const [row, each] of found[name].entries()) {
              const scale = expected.absoluteMaximum[row] ?? 0;
              const wanted = expected[name][row] ?? 0;
              expect(
                Number.isNaN(wanted)
                  ? Number.isNaN(each)
                  : Math.abs(each - wanted) <= 1e-5 * Math.max(1, scale),
                `${name} ${each} ${wanted}`,
              ).toBe(true);
            }
        }
      }),
      { numRuns: 60, seed: 12 },
    );
  });

  it('attention, of any heads, with values that are not finite among them', async () => {
    const cases = fc
      .record({
        heads: fc.integer({ min: 1, max: 3 }),
        queries: fc.integer({ min: 1, max: 6 }),
        past: fc.integer({ min: 0, max: 130 }),
        vocabulary: fc.integer({ min: 1, max: 5 }),
      })
      .chain(({ past, ...rest }) => {
        const keys = past + rest.queries;
        const count = rest.heads * rest.queries * keys;
        const p = fc.oneof(
          { weight: 30, arbitrary: fc.float({ min: 0, max: 1, noNaN: true }) },
          { weight: 1, arbitrary: fc.constantFrom(0, 1, Number.NaN, Number.POSITIVE_INFINITY) },
        );
        return fc.record({
          shape: fc.constant({ ...rest, keys }),
          values: fc.array(p, { minLength: count, maxLength: count }),
        });
      });
    await fc.assert(
      fc.asyncProperty(cases, async ({ shape, values }) => {
        const pattern = Float32Array.from(values);
        const ids = Array.from({ length: shape.keys }, (_, at) => (at * at) % shape.vocabulary);
        const expected = attentionStatistics(pattern, shape, ids);
        for (const found of [
          await attentionOnGpu(pattern, shape, ids),
          attentionStatisticsBySimd(pattern, shape, ids),
        ])
          for (const field of attentionFields)
            for (const [row, each] of expected[field].entries())
              expect(near(found[field][row], each, 1e-5), `${field} ${row}`).toBe(true);
      }),
      { numRuns: 40, seed: 13 },
    );
  });
});
