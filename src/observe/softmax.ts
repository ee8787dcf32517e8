import { SondeError } from '../shared/errors.ts';

/**
 * Largest logit. A row may hold -inf (a masked token has probability 0), but nothing else that is not finite.
 * @param logits [V]
 * @throws SondeError `run_failed` for an empty row, NaN, +inf, or a row of -inf only: no distribution follows
 * from it, and a number made up here would be shown to somebody as confidence
 */
function largestLogit(logits: ArrayLike<number>): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i] as number;
    // Negated so that NaN fails it too.
    if (!(logit < Number.POSITIVE_INFINITY)) return notADistribution();
    if (logit > largest) largest = logit;
  }
  return largest === Number.NEGATIVE_INFINITY ? notADistribution() : largest;
}

function notADistribution(): never {
  throw new SondeError(
    'run_failed',
    'The model gave logits that are not numbers, so no probability can be computed from them.',
    'Load another variant of the model (fp32 where fp16 overflows) or another device.',
  );
}

/**
 * ln sum_i exp(z_i / T) in float64, shifted by the maximum so that no term overflows.
 * @param logits [V]
 * @throws SondeError `run_failed`, see `largestLogit`
 */
export function logSumExp(logits: ArrayLike<number>, temperature = 1): number {
  const largest = largestLogit(logits);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(((logits[i] as number) - largest) / temperature);
  return largest / temperature + Math.log(sum);
}

/**
 * p_i = exp(z_i / T) / sum_j exp(z_j / T) in float64, over the whole row: never over a top-k.
 * @param logits [V]
 * @returns [V], sums to 1
 * @throws SondeError `run_failed`, see `largestLogit`
 */
export function softmax(logits: ArrayLike<number>, temperature = 1): Float64Array {
  const normaliser = logSumExp(logits, temperature);
  return Float64Array.from(logits, (logit) => Math.exp(logit / temperature - normaliser));
}
