import { type Nats, nats } from '../shared/units.ts';

/**
 * Self-certainty KL(uniform || p) = -ln n - 1/n sum ln p (Kang et al. 2025): 0 for a uniform distribution, and
 * unlike entropy driven by the whole tail.
 * @param probabilities [n], sums to 1
 * @returns nats >= 0; Infinity where an outcome is impossible
 */
export function selfCertainty(probabilities: ArrayLike<number>): Nats {
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++) sum += Math.log(probabilities[i] as number);
  return nats(-Math.log(probabilities.length) - sum / probabilities.length);
}
