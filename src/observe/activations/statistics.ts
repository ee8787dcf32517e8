/** What a tensor of activations looks like as a whole. */
export interface ActivationStatistics {
  readonly count: number;
  readonly mean: number;
  /** Population standard deviation (divided by n). */
  readonly standardDeviation: number;
  readonly absoluteMaximum: number;
  /** Share of values that are exactly 0, as after a ReLU. */
  readonly zeroFraction: number;
  /** Values that are NaN or infinite. They are counted here and left out of everything else. */
  readonly notFinite: number;
}

/**
 * Two passes in float64: the mean first, so that a large mean does not eat the variance.
 * @param values any shape, flattened
 * @returns NaN for mean, deviation, maximum and fraction when no value is finite
 */
export function activationStatistics(values: ArrayLike<number>): ActivationStatistics {
  let count = 0;
  let sum = 0;
  let zeros = 0;
  let absoluteMaximum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) continue;
    count += 1;
    sum += value;
    if (value === 0) zeros += 1;
    absoluteMaximum = Math.max(absoluteMaximum, Math.abs(value));
  }
  const mean = sum / count;
  let square = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Number.isFinite(value)) square += (value - mean) ** 2;
  }
  return {
    count,
    mean,
    standardDeviation: Math.sqrt(square / count),
    absoluteMaximum: count === 0 ? Number.NaN : absoluteMaximum,
    zeroFraction: zeros / count,
    notFinite: values.length - count,
  };
}
