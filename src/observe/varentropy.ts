import { entropy } from './entropy.ts';

/**
 * Variance of the surprisal, sum p (ln p + H)^2 (Kontoyiannis & Verdu 2014): 0 when every possible outcome is
 * equally surprising, large when a few outcomes are likely and a long tail is not.
 * @param probabilities [n], sums to 1
 * @returns nats squared, >= 0
 */
export function varentropy(probabilities: ArrayLike<number>): number {
  const h = entropy(probabilities);
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i] as number;
    if (p > 0) sum += p * (Math.log(p) + h) ** 2;
  }
  return sum;
}
