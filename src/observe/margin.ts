import { type Probability, probability } from '../shared/units.ts';
import { topK } from './top-k.ts';

/**
 * p(first) - p(second), the distance to the runner-up (Scheffer et al. 2001). With one outcome: 1.
 * @param probabilities [n], sums to 1
 */
export function margin(probabilities: ArrayLike<number>): Probability {
  const [first, second] = topK(probabilities, 2).map((index) => probabilities[index]);
  return probability((first ?? 0) - (second ?? 0));
}
