import { type Nats, type Probability, probability } from '../shared/units.ts';
import { entropy } from './entropy.ts';
import { margin } from './margin.ts';
import { softmax } from './softmax.ts';
import { topK } from './top-k.ts';

export interface ClassSignals {
  /** softmax(logits / temperature), [classes]. */
  readonly probabilities: Float64Array;
  /** Index of the likeliest class; the temperature never changes it. */
  readonly best: number;
  /** Probability of the likeliest class. */
  readonly confidence: Probability;
  /** In [0, ln classes]. */
  readonly entropy: Nats;
  /** p(first) - p(second). */
  readonly margin: Probability;
}

/**
 * What a classifier's logits say.
 * @param logits [classes]
 * @param temperature from the model's card (Guo et al. 2017); 1 = uncalibrated
 * @throws SondeError `run_failed` when the row holds NaN or +inf
 */
export function observeClasses(logits: ArrayLike<number>, temperature: number): ClassSignals {
  const probabilities = softmax(logits, temperature);
  const [best = 0] = topK(probabilities, 1);
  return {
    probabilities,
    best,
    confidence: probability(probabilities[best] ?? 0),
    entropy: entropy(probabilities),
    margin: margin(probabilities),
  };
}
