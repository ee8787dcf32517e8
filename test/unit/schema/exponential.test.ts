import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  atMost,
  bucketOf,
  MergingHistogram,
  mostBuckets,
  quantile,
  upperEdge,
} from '../../../src/schema/exponential.ts';

const values = fc.array(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 });

function of(numbers: readonly number[]): MergingHistogram {
  const histogram = new MergingHistogram();
  for (const value of numbers) histogram.add(value);
  return histogram;
}

describe('an exponential histogram', () => {
  // OpenTelemetry's data model: bucket i of scale s is (base^i, base^(i+1)], base = 2^(2^-s).
  it.each([
    [1, 0, -1],
    [2, 0, 0],
    [2.0001, 0, 1],
    [4, 0, 1],
    [0.2, 0, -3],
    [2, 1, 1],
    [3, 1, 3],
    [16, -1, 1],
    [17, -1, 2],
  ])('puts %d at scale %d into bucket %d', (value, scale, bucket) => {
    expect(bucketOf(value, scale)).toBe(bucket);
    expect(value).toBeLessThanOrEqual(upperEdge(bucket, scale));
    expect(value).toBeGreaterThan(upperEdge(bucket - 1, scale));
  });

  it('keeps count and sum, and no more buckets than it may', () => {
    fc.assert(
      fc.property(values, (numbers) => {
        const read = of(numbers).read();
        expect(read.count).toBe(numbers.length);
        expect(read.counts.reduce((sum, count) => sum + count, read.zeroCount)).toBe(numbers.length);
        expect(read.sum).toBeCloseTo(
          numbers.reduce((sum, value) => sum + value, 0),
          3,
        );
        expect(read.counts.length).toBeLessThanOrEqual(mostBuckets);
      }),
    );
  });

  it('merged from parts is the one of the whole', () => {
    fc.assert(
      fc.property(values, values, (left, right) => {
        const merged = new MergingHistogram();
        merged.merge(of(left).read());
        merged.merge(of(right).read());
        const whole = of([...left, ...right]).read();
        // The parts may have gone coarser than the whole had to; never finer.
        expect(merged.read().scale).toBeLessThanOrEqual(whole.scale);
        const again = new MergingHistogram(merged.read().scale);
        again.merge(whole);
        expect({ ...merged.read(), sum: 0 }).toEqual({ ...again.read(), sum: 0 });
      }),
    );
  });

  it('tells quantiles to within half a bucket of the sorted values', () => {
    fc.assert(
      fc.property(values, fc.constantFrom(0.5, 0.9, 0.95, 0.99), (numbers, q) => {
        const histogram = of(numbers);
        const sorted = [...numbers].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(q * sorted.length - 1e-9) - 1)] ?? 0;
        const half = 2 ** (0.5 * 2 ** -histogram.read().scale);
        const told = quantile(histogram.read(), q) ?? 0;
        expect(told / exact).toBeLessThanOrEqual(half * (1 + 1e-9));
        expect(exact / told).toBeLessThanOrEqual(half * (1 + 1e-9));
      }),
    );
  });

  // 160 buckets of 2^(1/32) are five powers of two, of which the values may cut both ends; of twice that width ten.
  it.each([
    [30, 5],
    [900, 4],
    [9e5, 3],
  ])('begun at scale 5 holds values within a factor of %d at scale %d', (factor, scale) => {
    const histogram = new MergingHistogram(5);
    for (let i = 0; i <= 1000; i++) histogram.add(0.2 * factor ** (i / 1000));
    expect(histogram.read().scale).toBe(scale);
  });

  it('weights a value that stands for ten like ten of it', () => {
    const weighted = new MergingHistogram();
    weighted.add(0.3, 10);
    weighted.add(5);
    expect(weighted.read()).toEqual(of([...Array(10).fill(0.3), 5]).read());
    expect(atMost(weighted.read(), 0.31)).toBe(10);
    expect(quantile(new MergingHistogram().read(), 0.5)).toBeUndefined();
  });
});
