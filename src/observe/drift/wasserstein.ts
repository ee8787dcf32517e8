import { foldGaps } from './distribution-gap.ts';

/**
 * First Wasserstein distance of two samples on a line: the area between their distribution functions. It has the
 * unit of the values, and unlike a divergence of histograms it needs no bins.
 * @param a [n] and @param b [m], in any order, of any lengths > 0
 * @returns >= 0; NaN when a sample is empty or holds NaN
 */
export const wasserstein1 = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  foldGaps(a, b, (area, gap, width) => area + gap * width);
