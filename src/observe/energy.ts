import { logSumExp } from './softmax.ts';

/**
 * Free energy -T ln sum exp(z / T) of a row of logits (Liu et al. 2020, "Energy-based out-of-distribution
 * detection"): higher = less like what the model was trained on. Unlike a probability it sees a common shift
 * of all logits, so it has no fixed range.
 * @param logits [n]
 * @throws SondeError `run_failed` when the row holds NaN or +inf
 */
export const energy = (logits: ArrayLike<number>, temperature = 1): number =>
  -temperature * logSumExp(logits, temperature);
