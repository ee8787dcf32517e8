import type { RequestSignals } from '../schema/record.ts';
import { type Nats, nats, type Probability, probability } from '../shared/units.ts';

export interface Observation {
  readonly confidence: Probability;
  readonly entropy: Nats;
  readonly margin: Probability;
}

/** What a whole request says; undefined when nothing was observed, for a mean of nothing is no number. */
export function aggregate(observations: readonly Observation[]): RequestSignals | undefined {
  if (observations.length === 0) return undefined;
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const confidences = observations.map(({ confidence }) => confidence);
  const entropies = observations.map(({ entropy }) => entropy);
  return {
    confidenceMean: probability(mean(confidences)),
    confidenceMin: probability(Math.min(...confidences)),
    entropyMean: nats(mean(entropies)),
    entropyMax: nats(Math.max(...entropies)),
    marginMean: probability(mean(observations.map(({ margin }) => margin))),
  };
}
