import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExecutor, type Executor } from '../../src/kernels/kernel.ts';
import {
  candidatesOnGpu,
  type LogitsOnGpu,
  tokenStatisticsOnGpu,
} from '../../src/kernels/token-statistics.gpu.ts';
import {
  type Candidates,
  candidatesOf,
  type Tempering,
  type TokenStatistics,
  tokenStatistics,
} from '../../src/kernels/token-statistics.ts';

type Compute = (row: Float32Array<ArrayBuffer>, k: number) => Promise<TokenStatistics>;

let device: GPUDevice;
let executor: Executor;
beforeAll(async () => {
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) throw new Error('a test of kernels needs WebGPU');
  device = await adapter.requestDevice();
  executor = createExecutor(device);
});
afterAll(() => {
  executor.dispose();
  device.destroy();
});

/** The row lies somewhere inside a larger, padded buffer, as the runtime's do: rubbish around it must not count. */
async function withRow<T>(row: Float32Array, work: (row: LogitsOnGpu) => Promise<T>): Promise<T> {
  const offset = 3;
  const whole = new Float32Array(offset + row.length + 61).fill(1e6);
  whole.set(row, offset);
  const buffer = upload(whole);
  try {
    return await work({ buffer, offset, length: row.length, half: false });
  } finally {
    buffer.destroy();
  }
}

function upload(data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: data.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}

const onGpu: Compute = (row, k) =>
  withRow(row, async (on) => {
    const [found] = await executor.ask(tokenStatisticsOnGpu(on, k));
    return found;
  });

/** Normal logits from a fixed seed, by Box and Muller. */
function normal(length: number, spread: number): Float32Array<ArrayBuffer> {
  let state = 88172645463325252n;
  const uniform = (): number => {
    state ^= BigInt.asUintN(64, state << 13n);
    state ^= state >> 7n;
    state ^= BigInt.asUintN(64, state << 17n);
    return (Number(state >> 11n) + 0.5) / 2 ** 53;
  };
  return Float32Array.from(
    { length },
    () => spread * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

describe.each<[string, Compute, number]>([
  ['the oracle', async (row, k) => tokenStatistics(row, k), 1e-12],
  ['WebGPU', onGpu, 2e-5],
])('token statistics by %s', (_name, compute, tolerance) => {
  it('are those of the published vector', async () => {
    // logits [2,1,0,-1]: facts of the signal vectors, computed with NumPy.
    const found = await compute(Float32Array.of(2, 1, 0, -1), 4);
    expect(Math.abs(found.entropy - 0.9475369639754255)).toBeLessThan(tolerance);
    expect(Math.abs(found.varentropy - 0.6165862748555078)).toBeLessThan(tolerance);
    expect(Math.abs(found.logSumExp - 2.4401896985611953)).toBeLessThan(tolerance * 3);
    expect(found.top).toEqual([2, 1, 0, -1].map((logit, id) => ({ id, logit })));
  });

  it.each([1, 2, 31, 256, 257, 1024, 50_257, 200_000])(
    'agree with sums in float64 over %i logits',
    async (length) => {
      const row = normal(length, 4);
      const k = 10;
      const largest = Math.max(...[row.reduce((a, b) => Math.max(a, b))]);
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
    },
  );

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
  withRow(row, async (on) => {
    const seen = upload(tempering.seen);
    const [found] = await executor.ask(candidatesOnGpu(on, k, tempering, seen));
    seen.destroy();
    return found;
  });

describe.each<[string, Choose, number]>([
  ['the oracle', async (...call) => candidatesOf(...call), 1e-12],
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
