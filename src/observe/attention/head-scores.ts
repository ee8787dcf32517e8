import { type Probability, probability } from '../../shared/units.ts';
import { type Pattern, weightAt } from './pattern.ts';

/** Mean of A[i, key(i)] over the rows from `first` on; NaN where there is no such row. */
function meanOver(pattern: Pattern, first: number, key: (query: number) => number): Probability {
  let sum = 0;
  for (let query = first; query < pattern.queries; query++) sum += weightAt(pattern, query, key(query));
  return probability(sum / (pattern.queries - first));
}

/**
 * Previous-token score: mean of A[i, i-1] over i >= 1 (Elhage et al. 2021). 1 = always looks one back.
 * @returns in [0, 1]; NaN for a single token
 */
export const previousTokenScore = (pattern: Pattern): Probability =>
  meanOver(pattern, 1, (query) => query - 1);

/**
 * Mass on the first token: mean of A[i, 0] over i >= 1 (row 0 of a causal head has no choice). High = the head
 * rests there ("attention sink", Xiao et al. 2023).
 * @returns in [0, 1]; NaN for a single token
 */
export const firstTokenMass = (pattern: Pattern): Probability => meanOver(pattern, 1, () => 0);

/**
 * Induction score (Olsson et al. 2022): on a random sequence of length L given twice, the mean of A[i, i - L + 1]
 * over the second copy: the token that followed the last time. 1 = a perfect induction head.
 * @param pattern queries = keys = 2 L
 * @returns in [0, 1]; meaningless on any other input
 */
export const inductionScore = (pattern: Pattern): Probability =>
  meanOver(pattern, pattern.queries / 2, (query) => query - pattern.queries / 2 + 1);

/** The largest weight of the head, and where it is. */
export function strongest(pattern: Pattern): { weight: Probability; query: number; key: number } {
  let best = 0;
  for (let i = 1; i < pattern.weights.length; i++)
    if ((pattern.weights[i] as number) > (pattern.weights[best] as number)) best = i;
  const query = Math.floor(best / pattern.keys);
  return { weight: probability(pattern.weights[best] ?? Number.NaN), query, key: best % pattern.keys };
}
