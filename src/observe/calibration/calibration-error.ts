import type { ReliabilityBin } from './reliability.ts';

const gap = (bin: ReliabilityBin): number => Math.abs(bin.accuracy - bin.confidence);

const weightedMean = (bins: readonly ReliabilityBin[], value: (bin: ReliabilityBin) => number): number => {
  let sum = 0;
  let count = 0;
  for (const bin of bins) {
    sum += bin.count * value(bin);
    count += bin.count;
  }
  return sum / count;
};

/**
 * ECE = sum n_b/n |acc_b - conf_b| (Naeini et al. 2015) over the bins given; the bins decide the edges.
 * @returns in [0, 1]; NaN without any prediction
 */
export const expectedCalibrationError = (bins: readonly ReliabilityBin[]): number => weightedMean(bins, gap);

/** MCE = max |acc_b - conf_b|: the worst bin, however few predictions it holds. */
export const maximumCalibrationError = (bins: readonly ReliabilityBin[]): number =>
  bins.length === 0 ? Number.NaN : Math.max(...bins.map(gap));

/** RMSCE = sqrt(sum n_b/n (acc_b - conf_b)^2) (Hendrycks et al. 2019). */
export const rmsCalibrationError = (bins: readonly ReliabilityBin[]): number =>
  Math.sqrt(weightedMean(bins, (bin) => gap(bin) ** 2));
