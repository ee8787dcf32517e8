import type { Interval } from './interval.ts';

/** A sampled value and the chance with which it was kept. */
export interface Weighted {
  readonly value: number;
  /** Inclusion probability, in (0, 1]. */
  readonly probability: number;
}

/** An interval from fewer is not to be trusted: the normal approximation has not begun to hold. */
export const enough = 50;

export type Estimated =
  | ({ readonly kind: 'interval' } & Interval)
  | { readonly kind: 'insufficient'; readonly n: number };

const z = 1.959963984540054;

const total = (sample: readonly Weighted[], of: (item: Weighted) => number): number =>
  sample.reduce((sum, item) => sum + of(item), 0);

/**
 * Total of the population that a sample was drawn from, sum y / pi (Horvitz & Thompson 1952): unbiased. With
 * value 1 for each it is the population's size.
 */
export const estimateTotal = (sample: readonly Weighted[]): number =>
  total(sample, ({ value, probability }) => value / probability);

/**
 * Mean of the population by the ratio of two such totals (Hájek 1971), with its 95 % interval by linearisation:
 * Var = sum (1 - pi) / pi^2 (y - mean)^2 / N^2, exact for draws that are independent of each other. A share is the
 * mean of zeros and ones.
 * @returns `insufficient` for fewer than 50 sampled
 */
export function estimateMean(sample: readonly Weighted[]): Estimated {
  const n = sample.length;
  if (n < enough) return { kind: 'insufficient', n };
  const size = total(sample, ({ probability }) => 1 / probability);
  const mean = estimateTotal(sample) / size;
  const variance = total(
    sample,
    ({ value, probability }) => ((1 - probability) / probability ** 2) * (value - mean) ** 2,
  );
  const half = (z * Math.sqrt(variance)) / size;
  return { kind: 'interval', estimate: mean, lower: mean - half, upper: mean + half, n };
}
