import { mulberry32 } from '../../shared/random.ts';
import { quantile } from './bootstrap.ts';
import { expectedCalibrationError } from './calibration-error.ts';
import type { ReliabilityBin } from './reliability.ts';

type Binning = (confidences: ArrayLike<number>, correct: ArrayLike<boolean>) => readonly ReliabilityBin[];

/**
 * The ECE that a perfectly calibrated model shows with these very confidences, because each bin holds few
 * predictions: outcomes are drawn with the confidences as their chances (Bröcker & Smith 2007, "consistency
 * resampling"). An ECE inside of it is no evidence of miscalibration.
 * @param confidences [n]
 * @param random in [0, 1); by default the same draws each time
 * @returns mean over the draws, and their 95 % quantile
 */
export function binningNoise(
  confidences: ArrayLike<number>,
  bins: Binning,
  draws = 1000,
  random: () => number = mulberry32(1),
): { readonly mean: number; readonly upper: number } {
  const errors = Float64Array.from({ length: draws }, () =>
    expectedCalibrationError(
      bins(
        confidences,
        Array.from(confidences, (chance) => random() < chance),
      ),
    ),
  ).sort();
  return { mean: errors.reduce((sum, error) => sum + error, 0) / draws, upper: quantile(errors, 0.95) };
}
