import { foldGaps } from './distribution-gap.ts';

/**
 * Two-sample Kolmogorov-Smirnov distance: the largest gap of the two distribution functions (Smirnov 1939).
 * @param a [n] and @param b [m], in any order
 * @returns in [0, 1]; NaN when a sample is empty or holds NaN
 */
export const kolmogorovSmirnov = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  foldGaps(a, b, (largest, gap) => Math.max(largest, gap));
