import { describe, expect, it } from 'vitest';
import { isScaledProduct, isSoftmax, rowsSumToOne } from '../../../src/prove/attention.ts';
import { isLinear } from '../../../src/prove/linear.ts';
import { proofsOf } from '../../../src/prove/proof.ts';
import { tolerances } from '../../../src/prove/prove.ts';
import { isSum } from '../../../src/prove/sum.ts';
import type { Hook } from '../../../src/shared/hook.ts';
import type { Outcome, Verdict } from '../../../src/shared/proof.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { elementCount, type FloatTensor } from '../../../src/shared/tensor.ts';

const tolerance = tolerances.float32;

function noise(seed: number, ...dims: number[]): FloatTensor {
  const random = mulberry32(seed);
  return {
    type: 'float32',
    dims,
    data: Float32Array.from({ length: elementCount(dims) }, () => random() * 2 - 1),
  };
}

const made = (dims: readonly number[], value: (at: number) => number): FloatTensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from({ length: elementCount(dims) }, (_, at) => value(at)),
});

/** y[row, o] = sum over i of x[row, i] · weight[i, o] + o. */
function mapped(x: FloatTensor, weight: FloatTensor): FloatTensor {
  const [inner = 0, outer = 0] = weight.dims;
  return made([...x.dims.slice(0, -1), outer], (at) => {
    const [row, column] = [Math.floor(at / outer), at % outer];
    let sum = column;
    for (let i = 0; i < inner; i++)
      sum += (x.data[row * inner + i] ?? 0) * (weight.data[i * outer + column] ?? 0);
    return sum;
  });
}

describe('a linear map', () => {
  const x = noise(1, 4, 10, 16);
  const y = mapped(x, noise(2, 16, 8));

  it('is seen without its weights', () => {
    expect(isLinear([y, x], tolerance).kind).toBe('holds');
  });

  it('is not seen in the squares of its output', () => {
    expect(isLinear([{ ...y, data: y.data.map((value) => value * value) }, x], tolerance).kind).toBe('fails');
  });

  it('is not seen where the input is another one', () => {
    expect(isLinear([y, noise(3, 4, 10, 16)], tolerance).kind).toBe('fails');
  });

  it('is seen under a soft cap', () => {
    const capped = { ...y, data: y.data.map((value) => 9 * Math.tanh(value / 9)) };
    expect(isLinear([capped, x], tolerance)).toMatchObject({ kind: 'holds', note: 'under a soft cap' });
  });

  it('is not claimed of what a norm with a gain follows', () => {
    const gain = noise(4, 8);
    const normed = made(y.dims, (at) => {
      const row = y.data.subarray(at - (at % 8), at - (at % 8) + 8);
      return ((y.data[at] ?? 0) / Math.hypot(...row)) * (1.5 + (gain.data[at % 8] ?? 0));
    });
    expect(isLinear([normed, x], tolerance).kind).toBe('skipped');
  });

  it('is not decided by fewer rows than a fit has unknowns', () => {
    expect(isLinear([noise(5, 1, 10, 8), noise(6, 1, 10, 16)], tolerance).kind).toBe('skipped');
  });
});

describe('scores', () => {
  const [batch, length, heads, size] = [8, 20, 2, 8] as const;
  const [q, k] = [noise(7, batch, length, heads, size), noise(8, batch, length, heads, size)];
  /** [b, h, i, j] in units of one score, with what else an architecture adds to q·k. */
  const scores = (more: (b: number, h: number, i: number, j: number) => number, factor = 0.5): FloatTensor =>
    made([batch, heads, length, length], (at) => {
      const j = at % length;
      const i = Math.floor(at / length) % length;
      const h = Math.floor(at / length ** 2) % heads;
      const b = Math.floor(at / (length ** 2 * heads));
      let product = 0;
      for (let e = 0; e < size; e++)
        product +=
          (q.data[((b * length + i) * heads + h) * size + e] ?? 0) *
          (k.data[((b * length + j) * heads + h) * size + e] ?? 0);
      return factor * product + more(b, h, i, j);
    });
  const queryAt = (b: number, h: number, i: number, e: number): number =>
    q.data[((b * length + i) * heads + h) * size + e] ?? 0;

  it.each([
    ['are q·k times a factor', () => 0, undefined],
    [
      'may hold a bias that no input changes',
      (_b: number, h: number, i: number, j: number) => (i - j) * (h + 1) * 0.1,
      'beside a bias that no input changes',
    ],
    [
      'may hold what a query says about a distance',
      (b: number, h: number, i: number, j: number) => queryAt(b, h, i, Math.abs(i - j) % size),
      'beside terms of content and distance',
    ],
  ])('%s', (_, more, note) => {
    const outcome = isScaledProduct([scores(more), q, k], tolerance);
    expect(outcome.kind).toBe('holds');
    expect(outcome.kind === 'holds' && outcome.note).toBe(note);
  });

  it('may lie under a soft cap', () => {
    const plain = scores(() => 0);
    const capped = { ...plain, data: plain.data.map((value) => 2 * Math.tanh(value / 2)) };
    expect(isScaledProduct([capped, q, k], tolerance)).toMatchObject({
      kind: 'holds',
      note: 'under a soft cap',
    });
  });

  it('are not those of other keys', () => {
    expect(isScaledProduct([scores(() => 0), q, noise(9, batch, length, heads, size)], tolerance).kind).toBe(
      'fails',
    );
  });
});

describe('a sink', () => {
  const scores = noise(10, 1, 2, 6, 6);
  /** Softmax with one more logit a head that is no key. */
  const withSink = (sink: (row: number) => number): FloatTensor =>
    made(scores.dims, (at) => {
      const row = Math.floor(at / 6);
      const own = scores.data.subarray(row * 6, row * 6 + 6).reduce((sum, value) => sum + Math.exp(value), 0);
      return Math.exp(scores.data[at] ?? 0) / (own + Math.exp(sink(row)));
    });

  it('takes what is missing from the rows, as one logit a head', () => {
    const pattern = withSink((row) => (row < 6 ? 0.3 : -1));
    expect(isSoftmax([pattern, scores], tolerance)).toMatchObject({
      kind: 'holds',
      note: 'with one sink logit a head',
    });
    expect(rowsSumToOne([pattern], tolerance)).toMatchObject({
      kind: 'holds',
      note: expect.stringContaining('sink'),
    });
  });

  it('does not explain rows that lack different shares', () => {
    expect(isSoftmax([withSink((row) => row * 0.1), scores], tolerance).kind).toBe('fails');
  });
});

it('a part too small to be seen beside the others proves nothing', () => {
  const whole = made([1, 2, 2], (at) => 100 + at);
  expect(isSum([whole, whole, made([1, 2, 2], () => 1e-4)], tolerance).kind).toBe('skipped');
});

describe('proofs', () => {
  const hook = (name: string): Hook => ({ name, dims: [], source: { kind: 'tap', tensor: name } });
  const verdict = (hooks: readonly string[], outcome: Outcome, byConstruction = false): Verdict => ({
    claim: 'claim',
    hooks,
    byConstruction,
    outcome,
  });
  const holds: Outcome = { kind: 'holds', difference: 0, tolerance: 1 };
  const proofs = (...verdicts: Verdict[]) =>
    Object.fromEntries(proofsOf([hook('a'), hook('b'), hook('c')], new Set(['a', 'b']), verdicts));

  it('need an identity that holds and none that fails', () => {
    expect(proofs(verdict(['a'], holds), verdict(['a', 'b'], { kind: 'fails', why: '' }))).toMatchObject({
      a: 'inferred',
    });
    expect(proofs(verdict(['a'], holds))).toEqual({ a: 'proved', b: 'inferred', c: 'unavailable' });
  });

  it('are not made by construction, but passed on by it', () => {
    expect(proofs(verdict(['a', 'b'], holds, true))).toMatchObject({ a: 'inferred', b: 'inferred' });
    expect(proofs(verdict(['a', 'b'], holds, true), verdict(['a'], holds))).toMatchObject({
      a: 'proved',
      b: 'proved',
    });
  });
});
