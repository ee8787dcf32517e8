import { describe, expect, it } from 'vitest';
import { asGolden, compare } from '../../../src/prove/compare.ts';
import type { Tensor } from '../../../src/shared/tensor.ts';

const tensor = (...values: number[]): Tensor => ({
  type: 'float32',
  dims: [values.length],
  data: Float32Array.from(values),
});
const lowest = -3.4028234663852886e38;

describe('compare', () => {
  it('measures the largest difference against a tolerance that grows with the golden', () => {
    expect(compare(tensor(1, -8), tensor(1.25, -8), 1e-1)).toEqual({
      kind: 'compared',
      difference: 0.25,
      tolerance: 0.8,
      pass: true,
    });
    expect(compare(tensor(0.25), tensor(0.5), 1e-1)).toMatchObject({ tolerance: 0.1, pass: false });
  });

  it('takes every way of masking a score, and no size from it', () => {
    expect(compare(tensor(lowest, 1), tensor(Number.NEGATIVE_INFINITY, 1.5), 1e-4)).toMatchObject({
      difference: 0.5,
      tolerance: 1e-4,
      pass: false,
    });
    expect(compare(tensor(lowest), tensor(-1.2e38), 1e-4)).toMatchObject({ pass: true });
  });

  it.each([
    ['a score masked on one side only', tensor(lowest), tensor(0)],
    ['NaN', tensor(1), tensor(Number.NaN)],
    ['another shape', tensor(1), tensor(1, 1)],
  ])('fails on %s', (_, golden, captured) => {
    expect(compare(golden, captured, 1e-4)).toMatchObject({ kind: 'failed' });
  });
});

describe('a golden that holds the rotated channels only', () => {
  const whole: Tensor = { type: 'float32', dims: [1, 1, 2, 3], data: Float32Array.from([1, 2, 3, 4, 5, 6]) };
  const golden = (...dims: number[]): Tensor => ({ type: 'float32', dims, data: new Float32Array(4) });

  it('is held against those: they come first in each head', () => {
    const part = asGolden('blocks.0.attn.hook_rot_q', golden(1, 1, 2, 2), whole);
    expect(part.dims).toEqual([1, 1, 2, 2]);
    expect([...part.data]).toEqual([1, 2, 4, 5]);
  });

  it('is a fault at any other hook, and with other heads', () => {
    expect(asGolden('blocks.0.attn.hook_q', golden(1, 1, 2, 2), whole)).toBe(whole);
    expect(asGolden('blocks.0.attn.hook_rot_k', golden(1, 1, 1, 2), whole)).toBe(whole);
  });
});
