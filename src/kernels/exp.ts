/** Steps between a power of two and the next. */
const steps = 2048;
const perStep = Math.LN2 / steps;
const stepsPerOne = steps / Math.LN2;

/** 2^(step / steps). */
const fractions = Float64Array.from({ length: steps }, (_, step) => 2 ** (step / steps));
/** 2^-n; the last is 0 for whatever is smaller than any number. */
const powers = Float64Array.from({ length: 1076 }, (_, n) => 2 ** -n);
const smallest = -1075 * Math.LN2;

/**
 * e^x for x <= 0, several times as fast as `Math.exp`: a row of logits asks for fifty thousand. The nearest step of a
 * table, and four terms of the series for what is left (|r| <= 1.7e-4, so the fifth is below 4e-17).
 * @returns within 3e-16 (1 - x) of e^x, relative, where that is a normal number; 0 for -Infinity
 */
export function expOfNegative(x: number): number {
  if (x < smallest) return 0;
  // Cut towards zero, which for x <= 0 rounds to the nearest step.
  const step = (x * stepsPerOne - 0.5) | 0;
  const rest = x - step * perStep;
  const series = 1 + rest * (1 + rest * (0.5 + rest * (1 / 6)));
  return (fractions[step & (steps - 1)] as number) * (powers[-(step >> 11)] as number) * series;
}
