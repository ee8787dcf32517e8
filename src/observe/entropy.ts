import { type Nats, nats } from '../shared/units.ts';

/**
 * Shannon entropy H = -sum p ln p, with 0 ln 0 = 0 (Shannon 1948).
 * @param probabilities [n], sums to 1
 * @returns nats in [0, ln n]
 */
export function entropy(probabilities: ArrayLike<number>): Nats {
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++) {
    const p = probabilities[i] as number;
    if (p > 0) sum += p * Math.log(p);
  }
  return nats(Math.max(0, -sum));
}

/**
 * H / ln n: 0 = certain, 1 = uniform. Comparable between vocabularies of different size.
 * A distribution over one outcome is certain: 0.
 */
export function normalisedEntropy(probabilities: ArrayLike<number>): number {
  return probabilities.length < 2 ? 0 : entropy(probabilities) / Math.log(probabilities.length);
}
