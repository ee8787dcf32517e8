import { type Interval, z } from './interval.ts';

/** A sampled value and the chance with which it was kept. */
export interface Weighted {
  readonly value: number;
  /** Inclusion probability, in (0, 1]. */
  readonly probability: number;
}

/** An interval from fewer is not to be trusted: the normal approximation has not begun to hold. */
const enough = 50;

export type Estimated =
  | ({ readonly kind: 'interval' } & Interval)
  | { readonly kind: 'insufficient'; readonly n: number };

const total = (sample: readonly Weighted[], of: (item: Weighted) => number): number =>
  sample.reduce((sum, item) => sum + of(item), 0);

/**
 * Total of the population that a sample was drawn from, sum y / pi (Horvitz & Thompson 1952): unbiased. With
 * value 1 for each it is the population's size.
 */
export const estimateTotal = (sample: readonly Weighted[]): number =>
  total(sample, ({ value, probability }) => value / probability);

/** 97.5 % point of Student's t by the first terms of its expansion at the normal's (Fisher 1926). */
const student = (freedom: number): number =>
  z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2);

/**
 * Mean of the population by the ratio of two such totals (Hájek 1971), with its 95 % interval by linearisation:
 * Var = sum (1 - pi) / pi^2 r^2 / N^2 for independent draws. The mean leans towards the heaviest records, so their
 * residuals are y - mean over 1 - their share of the weight, as a jackknife would have it, and the interval is
 * Student's with as many records as equal weights would need (Kish 1965). A share is the mean of zeros and ones.
 * @returns `insufficient` for fewer than 50 sampled
 */
export function estimateMean(sample: readonly Weighted[]): Estimated {
  const n = sample.length;
  if (n < enough) return { kind: 'insufficient', n };
  const size = total(sample, ({ probability }) => 1 / probability);
  const mean = estimateTotal(sample) / size;
  const variance = total(sample, ({ value, probability }) => {
    const residual = (value - mean) / (1 - 1 / (probability * size));
    return ((1 - probability) / probability ** 2) * residual ** 2;
  });
  const equal = size ** 2 / total(sample, ({ probability }) => probability ** -2);
  const half = (student(equal - 1) * Math.sqrt(variance)) / size;
  return { kind: 'interval', estimate: mean, lower: mean - half, upper: mean + half, n };
}
