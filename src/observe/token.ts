import type { TokenStatistics } from '../kernels/token-statistics.ts';
import { SondeError } from '../shared/errors.ts';
import { type Nats, nats, type Probability, probability } from '../shared/units.ts';
import { largestLogit } from './softmax.ts';
import { topK } from './top-k.ts';

export interface TokenSignals {
  /** ln p(chosen), <= 0; -Infinity when the chosen token was masked out. */
  readonly logProbability: Nats;
  /** p(chosen) under softmax over the whole row. */
  readonly confidence: Probability;
  /** -sum p ln p over the whole row, in [0, ln V]. */
  readonly entropy: Nats;
  /** p(first) - p(second). */
  readonly margin: Probability;
  /** The k likeliest, most likely first. */
  readonly topK: readonly { readonly id: number; readonly probability: Probability }[];
}

/**
 * What one row of logits says, beside the decode loop: three passes over the row and no array of its size.
 * With d = z - max: ln p = d - ln sum e^d, and H = ln sum e^d - sum d e^d / sum e^d.
 * @param logits [V], as the model gave them, before temperature and truncation
 * @param chosen index of the token that was taken
 * @throws SondeError `run_failed` when the row holds NaN or +inf, `invalid_argument` when `chosen` is outside it
 */
export function observeLogits(logits: Float32Array, chosen: number, k: number): TokenSignals {
  const chosenLogit = logits[chosen];
  if (chosenLogit === undefined)
    throw new SondeError(
      'invalid_argument',
      `Token ${chosen} is outside a vocabulary of ${logits.length}.`,
      'Check that the tokenizer belongs to this model.',
    );
  const largest = largestLogit(logits);
  let sum = 0;
  let weighted = 0;
  for (let i = 0; i < logits.length; i++) {
    const d = (logits[i] as number) - largest;
    const weight = Math.exp(d);
    sum += weight;
    // A masked token (-inf) weighs 0, but -inf * 0 is NaN.
    if (weight > 0) weighted += weight * d;
  }
  const logSum = Math.log(sum);
  const probabilityOf = (logit: number) => probability(Math.exp(logit - largest - logSum));

  const best = topK(logits, Math.max(k, 2)).map((id) => ({
    id,
    probability: probabilityOf(logits[id] as number),
  }));
  return {
    logProbability: nats(chosenLogit - largest - logSum),
    confidence: probabilityOf(chosenLogit),
    entropy: nats(Math.max(0, logSum - weighted / sum)),
    margin: probability((best[0]?.probability ?? 0) - (best[1]?.probability ?? 0)),
    topK: best.slice(0, k),
  };
}

/**
 * The same signals from statistics that were reduced elsewhere, such as on the GPU beside the logits.
 * @param statistics over the full vocabulary, with at least `k` likeliest tokens where there are as many
 * @param chosenLogit logit of the token that was taken
 */
export function observeStatistics(statistics: TokenStatistics, chosenLogit: number, k: number): TokenSignals {
  const probabilityOf = (logit: number) => probability(Math.exp(logit - statistics.logSumExp));
  const best = statistics.top.map(({ id, logit }) => ({ id, probability: probabilityOf(logit) }));
  return {
    logProbability: nats(chosenLogit - statistics.logSumExp),
    confidence: probabilityOf(chosenLogit),
    entropy: statistics.entropy,
    margin: probability((best[0]?.probability ?? 0) - (best[1]?.probability ?? 0)),
    topK: best.slice(0, k),
  };
}
