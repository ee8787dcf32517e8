import type { Masked } from '../schema/masked.ts';
import type { Measurement, MetricKey, Value } from '../schema/metrics.ts';
import type { RequestRecord, ServiceIdentity } from '../schema/record.ts';
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
