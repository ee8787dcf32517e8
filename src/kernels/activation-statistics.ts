import { histogramBins, type RowStatistics } from '../shared/statistics.ts';

/** Where the second bin of the histogram begins. */
export const lowestPower = -8;

/** Standard deviations from the mean beyond which a value counts as an outlier. */
export const outlierDistance = 6;

/** One float32 and its bits: made once, for millions of values pass through. */
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

function powerOf(value: number): number {
  float[0] = value;
  return ((bits[0] as number) >>> 23) & 0xff;
}

/** The power that the bits of NaN and of both infinities hold. */
const notFinitePower = 0xff;

const binOfPower = (power: number): number =>
  Math.min(histogramBins - 1, Math.max(0, power - 127 - lowestPower + 1));

/** The bin of a finite value, by the exponent of its float32 bits: exact at every edge. */
export const binOf = (value: number): number => binOfPower(powerOf(value));

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
    const [from, to] = [row * width, (row + 1) * width];
    const bins = row * histogramBins;
    let count = 0;
    let sum = 0;
    let zeros = 0;
    let most = 0;
    for (let at = from; at < to; at++) {
      const value = values[at] as number;
      const power = powerOf(value);
      if (power === notFinitePower) continue;
      count++;
      sum += value;
      if (value === 0) zeros++;
      most = Math.max(most, Math.abs(value));
      const bin = bins + binOfPower(power);
      made.histogram[bin] = (made.histogram[bin] as number) + 1;
    }
    const mean = sum / count;
    let square = 0;
    let farthest = 0;
    for (let at = from; at < to; at++) {
      const distance = Math.abs((values[at] as number) - mean);
      // Neither NaN nor infinity.
      if (!(distance < Number.POSITIVE_INFINITY)) continue;
      square += distance * distance;
      farthest = Math.max(farthest, distance);
    }
    const deviation = Math.sqrt(square / count);
    const limit = outlierDistance * deviation;
    let outliers = 0;
    // Most rows have none.
    if (farthest > limit)
      for (let at = from; at < to; at++) {
        const distance = Math.abs((values[at] as number) - mean);
        if (distance > limit && distance < Number.POSITIVE_INFINITY) outliers++;
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
