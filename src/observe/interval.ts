/** An estimate with the interval that covers the truth in 95 of 100 repetitions. */
export interface Interval {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
  readonly n: number;
}

/** Two-sided 95 % point of the standard normal. */
export const z = 1.959963984540054;

/**
 * Share of successes with Wilson's score interval (1927), which stays inside [0, 1] and holds at small n.
 * @returns NaN for n = 0
 */
export function wilson(successes: number, n: number): Interval {
  const p = successes / n;
  const scale = 1 + z ** 2 / n;
  const centre = (p + z ** 2 / (2 * n)) / scale;
  const half = (z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))) / scale;
  return { estimate: p, lower: Math.max(0, centre - half), upper: Math.min(1, centre + half), n };
}

/**
 * Mean with its normal interval, mean +- z s / sqrt n.
 * @param values [n]
 * @returns NaN bounds for n < 2: one value tells nothing of its spread
 */
export function meanInterval(values: readonly number[]): Interval {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = n < 2 ? Number.NaN : z * Math.sqrt(variance / n);
  return { estimate: mean, lower: mean - half, upper: mean + half, n };
}
