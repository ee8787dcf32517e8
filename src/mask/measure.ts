import { grid, toGrid } from '../schema/field.ts';
import type { Masked } from '../schema/masked.ts';
import { driftMetrics, type Measurement, type MetricKey, type Value } from '../schema/metrics.ts';
import type { RequestRecord, ServiceIdentity } from '../schema/record.ts';
import type { JudgedWindow } from '../shared/drift.ts';
import { maskMeasurement } from './mask.ts';

/**
 * What a request adds to tier 0, sampled or not: nothing that its masked record would not tell. So under an epsilon
 * it is as random as the record, and no value of a single token is in it: a mean stands for all tokens of the request,
 * once for each where their number is told, and for the requests that tell none.
 */
export function measureRequest(
  record: Masked<RequestRecord>,
  { version, environment, owner }: Masked<ServiceIdentity>,
): Masked<Measurement> {
  const { endedAt, duration, introspectionDuration, hooksCaptured, signalProbability = 1, epsilon } = record;
  const tokens = epsilon === undefined ? Math.max(1, record.outputTokens ?? 1) : 1;
  const times = tokens / signalProbability;
  const metadata = [record.cohort, record.flow, version, environment, owner];
  // What is no number the mask leaves out.
  const value = (metric: MetricKey, found = Number.NaN, each = 1): Value => ({
    metric,
    value: found,
    times: each,
  });
  return maskMeasurement({
    at: endedAt,
    about: record,
    values: [
      value('requests', 1),
      value('introspected', hooksCaptured > 0 ? 1 : undefined),
      value('metadataMissing', metadata.filter((field) => field === undefined).length),
      value('duration', duration / 1000),
      value('introspection', (introspectionDuration ?? Number.NaN) / 1000),
      value('entropy', record.entropyMean, times),
      value('confidence', record.confidenceMean, times),
    ],
  });
}

/** A window of fewer requests would tell of single ones. */
const leastWindow = 50;
/** Steps of 0.05: 256 values. */
const thresholds = grid(0, 12.75, 20);

/** What a judged window adds to tier 0: counts over all its requests, of features that are in no single record together. */
export function measureDrift({ at, modelId, deciles, statistics }: JudgedWindow): Masked<Measurement> {
  const values = Object.entries(driftMetrics).flatMap(([feature, metric]): Value[] => {
    const counts = deciles[feature] ?? [];
    const isTold = counts.reduce((sum, count) => sum + count, 0) >= leastWindow;
    return isTold ? counts.map((times, bin) => ({ metric, value: (bin + 0.5) / counts.length, times })) : [];
  });
  const centroid = statistics.find(({ statistic }) => statistic === 'embedding.centroid');
  if (centroid !== undefined && centroid.n >= leastWindow) {
    const share = Math.min(centroid.value / centroid.limit, thresholds.max);
    values.push({ metric: 'driftEmbedding', value: toGrid(thresholds, share) });
  }
  return maskMeasurement({ at, about: { modelId }, values });
}
