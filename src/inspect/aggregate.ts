import type { RequestSignals } from '../schema/record.ts';
import { type Nats, nats, type Probability, probability } from '../shared/units.ts';

export interface Observation {
  /** Absent where it is not seen what was chosen. */
  readonly confidence?: Probability;
  readonly entropy: Nats;
  readonly margin: Probability;
}

/** What a whole request says; nothing where nothing was observed, for a mean of nothing is no number. */
export function aggregate(observations: readonly Observation[]): Partial<RequestSignals> {
  if (observations.length === 0) return {};
  const confidences: readonly number[] = observations.flatMap(({ confidence }) => confidence ?? []);
  const entropies: readonly number[] = observations.map(({ entropy }) => entropy);
  return {
    ...(confidences.length === 0
      ? {}
      : {
          confidenceMean: probability(mean(confidences)),
          confidenceMin: probability(confidences.reduce((a, b) => Math.min(a, b))),
        }),
    entropyMean: nats(mean(entropies)),
    entropyMax: nats(entropies.reduce((a, b) => Math.max(a, b))),
    marginMean: probability(mean(observations.map(({ margin }) => margin))),
  };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
