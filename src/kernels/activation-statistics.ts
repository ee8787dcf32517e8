import type { RowStatistics } from '../shared/statistics.ts';

/** Bins of |x| by powers of two: below 2^-8 (0 too), then one a power, the last from 2^6 on. */
export const histogramBins = 16;
export const lowestPower = -8;

/** Standard deviations from the mean beyond which a value counts as an outlier. */
export const outlierDistance = 6;

export const rowFields = [
  'mean',
  'standardDeviation',
  'absoluteMaximum',
  'zeroFraction',
  'outlierFraction',
  'notFinite',
] as const;

/** The bin of a finite value, by the exponent of its float32 bits: exact at every edge. */
export function binOf(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;
  const power = ((bits >>> 23) & 0xff) - 127;
  return Math.min(histogramBins - 1, Math.max(0, power - lowestPower + 1));
}

/**
 * The oracle: plain float64, the mean first, so that a large mean does not eat the variance.
 * @param values [rows, width]
 * @returns NaN for mean, deviation, maximum and fractions of a row without a finite value
 */
export function rowStatistics(values: ArrayLike<number>, rows: number, width: number): RowStatistics {
  const made = {
    mean: new Float32Array(rows),
    standardDeviation: new Float32Array(rows),
    absoluteMaximum: new Float32Array(rows),
    zeroFraction: new Float32Array(rows),
    outlierFraction: new Float32Array(rows),
    notFinite: new Float32Array(rows),
    histogram: new Float32Array(rows * histogramBins),
  };
  for (let row = 0; row < rows; row++) {
    const from = row * width;
    let count = 0;
    let sum = 0;
    let zeros = 0;
    let most = 0;
    for (let at = from; at < from + width; at++) {
      const value = values[at] as number;
      if (!Number.isFinite(value)) continue;
      count++;
      sum += value;
      if (value === 0) zeros++;
      most = Math.max(most, Math.abs(value));
      const bin = row * histogramBins + binOf(value);
      made.histogram[bin] = (made.histogram[bin] ?? 0) + 1;
    }
    const mean = sum / count;
    let square = 0;
    for (let at = from; at < from + width; at++) {
      const value = values[at] as number;
      if (Number.isFinite(value)) square += (value - mean) ** 2;
    }
    const deviation = Math.sqrt(square / count);
    let outliers = 0;
    for (let at = from; at < from + width; at++) {
      const value = values[at] as number;
      if (Number.isFinite(value) && Math.abs(value - mean) > outlierDistance * deviation) outliers++;
    }
    made.mean[row] = mean;
    made.standardDeviation[row] = deviation;
    made.absoluteMaximum[row] = count === 0 ? Number.NaN : most;
    made.zeroFraction[row] = zeros / count;
    made.outlierFraction[row] = outliers / count;
    made.notFinite[row] = width - count;
  }
  return made;
}
