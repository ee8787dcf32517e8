import type { TokenStatistics } from '../kernels/token-statistics.ts';
import { type Nats, nats, type Probability, probability } from '../shared/units.ts';

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
 * What one row of logits says, from statistics of it: they were reduced where the logits lie, on the GPU or beside it.
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
