import { largestOf } from '../kernels/token-statistics.ts';

/**
 * ln sum_i exp(z_i / T) in float64, shifted by the maximum so that no term overflows.
 * @param logits [V]
 * @throws SondeError `run_failed`, see `largestOf`
 */
export function logSumExp(logits: ArrayLike<number>, temperature = 1): number {
  const largest = largestOf(logits);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(((logits[i] as number) - largest) / temperature);
  return largest / temperature + Math.log(sum);
}

/**
 * p_i = exp(z_i / T) / sum_j exp(z_j / T) in float64, over the whole row: never over a top-k.
 * @param logits [V]
 * @returns [V], sums to 1
 * @throws SondeError `run_failed`, see `largestOf`
 */
export function softmax(logits: ArrayLike<number>, temperature = 1): Float64Array {
  const normaliser = logSumExp(logits, temperature);
  return Float64Array.from(logits, (logit) => Math.exp(logit / temperature - normaliser));
}
