import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { positionNorms } from '../../../src/observe/activations/norms.ts';
import { activationStatistics } from '../../../src/observe/activations/statistics.ts';

it('position norms are Euclidean, one for each position', () => {
  const data = Float32Array.of(3, 4, 0, 0, 5, 12);
  expect([...positionNorms({ type: 'float32', dims: [1, 3, 2], data })]).toEqual([5, 0, 13]);
});

describe('activation statistics', () => {
  it('are those of a sample worked out by hand', () => {
    expect(activationStatistics([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({
      count: 8,
      mean: 5,
      standardDeviation: 2,
      absoluteMaximum: 9,
      zeroFraction: 0,
      notFinite: 0,
    });
  });

  it('keep the deviation where the mean is a million times larger', () => {
    expect(activationStatistics([1e8 + 1, 1e8 - 1]).standardDeviation).toBe(1);
  });

  it('count what is not finite and leave it out', () => {
    const withHoles = activationStatistics([1, Number.NaN, -3, Number.POSITIVE_INFINITY]);
    expect(withHoles).toMatchObject({ count: 2, mean: -1, absoluteMaximum: 3, notFinite: 2 });
    expect(activationStatistics([Number.NaN])).toMatchObject({
      count: 0,
      mean: Number.NaN,
      zeroFraction: Number.NaN,
    });
  });

  it('move with a shift and stretch with a factor', () => {
    const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.integer({ min: -9, max: 9 }), (sample, factor) => {
        const plain = activationStatistics(sample);
        const other = activationStatistics(sample.map((value) => factor * value + 5));
        expect(other.mean).toBeCloseTo(factor * plain.mean + 5, 6);
        expect(other.standardDeviation).toBeCloseTo(Math.abs(factor) * plain.standardDeviation, 6);
      }),
    );
  });
});
