/**
 * Brier score of "the prediction is right": mean (confidence - correct)^2 (Brier 1950, for one event).
 * @param confidences [n] in [0, 1]
 * @returns in [0, 1], 0 is best; NaN for n = 0
 */
export function brierScore(confidences: ArrayLike<number>, correct: ArrayLike<boolean>): number {
  let sum = 0;
  for (let i = 0; i < confidences.length; i++)
    sum += ((confidences[i] as number) - (correct[i] ? 1 : 0)) ** 2;
  return sum / confidences.length;
}
