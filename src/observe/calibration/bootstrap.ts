import { mulberry32 } from '../../shared/random.ts';
import type { Interval } from '../interval.ts';

/**
 * Percentile bootstrap interval (Efron 1979) of any number computed from predictions drawn with replacement.
 * A calibration error is never negative, so its interval lies above its estimate's true value more often than
 * around it: read it beside `binningNoise`.
 * @param n predictions
 * @param statistic of the predictions with these indices, [n]
 * @param random in [0, 1); by default the same draws each time, so that the same data have the same interval
 */
export function bootstrapInterval(
  n: number,
  statistic: (indices: Int32Array) => number,
  resamples = 1000,
  random: () => number = mulberry32(1),
): Interval {
  const estimate = statistic(Int32Array.from({ length: n }, (_, i) => i));
  const found = Float64Array.from({ length: resamples }, () =>
    statistic(Int32Array.from({ length: n }, () => Math.floor(random() * n))),
  ).sort();
  return { estimate, lower: quantile(found, 0.025), upper: quantile(found, 0.975), n };
}

/**
 * Quantile by linear interpolation (Hyndman & Fan 1996, type 7: NumPy's default).
 * @param sorted [n], ascending
 * @returns NaN without values
 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)] ?? Number.NaN, sorted[Math.ceil(place)] ?? Number.NaN];
  return low + (place - Math.floor(place)) * (high - low);
}
