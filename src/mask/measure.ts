import type { Masked } from '../schema/masked.ts';
import type { Measurement, MetricKey, Value } from '../schema/metrics.ts';
import type { RequestRecord, ServiceIdentity } from '../schema/record.ts';
import { maskMeasurement } from './mask.ts';

/**
 * What a request adds to tier 0, sampled or not: nothing that its masked record would not tell. So under an epsilon
 * it is as random as the record, and no value of a single token is in it: a mean stands for all tokens of the request,
 * once for each unless their number is noise too.
 */
export function measureRequest(
  record: Masked<RequestRecord>,
  { version, environment, owner }: Masked<ServiceIdentity>,
): Masked<Measurement> {
  const { endedAt, duration, introspectionDuration, hooksCaptured, outputTokens, epsilon } = record;
  const tokens = epsilon === undefined ? Math.max(1, outputTokens) : 1;
  const metadata = [record.cohort, record.flow, version, environment, owner];
  const value = (metric: MetricKey, found: number | undefined, times = 1): readonly Value[] =>
    found === undefined ? [] : [{ metric, value: found, times }];
  return maskMeasurement({
    at: endedAt,
    about: record,
    values: [
      ...value('requests', 1),
      ...value('introspected', hooksCaptured > 0 ? 1 : undefined),
      ...value('metadataMissing', metadata.filter((field) => field === undefined).length),
      ...value('duration', duration / 1000),
      ...value('introspection', introspectionDuration && introspectionDuration / 1000),
      ...value('entropy', record.entropyMean, tokens),
      ...value('confidence', record.confidenceMean, tokens),
    ],
  });
}
