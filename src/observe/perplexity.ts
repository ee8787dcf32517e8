import { type Nats, nats } from '../shared/units.ts';

/** Surprisal -ln p of one token, in nats: what `Step.logProbability` is with the other sign. */
export const surprisal = (logProbability: Nats): Nats => nats(-logProbability);

/**
 * Mean negative log-likelihood of a sequence, -1/n sum ln p_i.
 * @param logProbabilities [n] of the tokens that really followed
 * @returns nats per token; NaN for an empty sequence, which has none
 */
export function meanSurprisal(logProbabilities: readonly Nats[]): Nats {
  let sum = 0;
  for (const value of logProbabilities) sum += surprisal(value);
  return nats(sum / logProbabilities.length);
}

/** exp of the mean surprisal (Jelinek et al. 1977): the number of equally likely tokens it felt like. >= 1. */
export const perplexity = (logProbabilities: readonly Nats[]): number =>
  Math.exp(meanSurprisal(logProbabilities));
