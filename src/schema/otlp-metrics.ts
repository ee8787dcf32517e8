import type { EpochMilliseconds } from '../shared/units.ts';
import { recordFields, schemaUrl, schemaVersion } from './fields.ts';
import type { Masked } from './masked.ts';
import {
  type Amount,
  type ExportIdentity,
  exportFields,
  type MetricField,
  type MetricPoint,
  metricFields,
} from './metrics.ts';
import { attributesOf, type KeyValue, senderOf, toAnyValue, toNanoseconds } from './otlp.ts';
import type { ServiceIdentity } from './record.ts';

/** OTLP's AGGREGATION_TEMPORALITY_DELTA. */
export const deltaTemporality = 1;

/** Where OTLP holds the points of each kind. */
export const carriers = {
  counter: 'sum',
  exponential: 'exponentialHistogram',
  explicit: 'histogram',
} as const;

/** A sum of measurements as it stands on the wire. */
export interface MetricsExport {
  readonly service: Masked<ServiceIdentity>;
  readonly chunk: ExportIdentity;
  /** Of the first measurement and of the last. */
  readonly from: EpochMilliseconds;
  readonly to: EpochMilliseconds;
  readonly points: readonly MetricPoint[];
}

/** 64-bit integers are decimal text. */
const whole = (value: number): string => String(value);

function toAmount(amount: Amount, { instrument }: MetricField): Readonly<Record<string, unknown>> {
  switch (amount.kind) {
    case 'counter':
      return { asInt: whole(amount.value) };
    case 'exponential': {
      const { count, sum, scale, zeroCount, offset, counts } = amount;
      const positive = { offset, bucketCounts: counts.map(whole) };
      return { count: whole(count), sum, scale, zeroCount: whole(zeroCount), positive };
    }
    case 'explicit': {
      const { count, sum, counts } = amount;
      const explicitBounds = instrument.kind === 'explicit' ? instrument.edges : [];
      return { count: whole(count), sum, bucketCounts: counts.map(whole), explicitBounds };
    }
  }
}

const attributesAt = ({ attributes, metric }: MetricPoint): KeyValue[] =>
  metricFields[metric].attributes.flatMap((key) => {
    const { wire, spec } = recordFields[key];
    const value = attributes[key];
    return value === undefined ? [] : [{ key: wire, value: toAnyValue(spec, value) }];
  });

/** A complete `POST /v1/metrics` body: each metric once, with a point for each set of attributes. */
export function encodeMetrics({ service, chunk, from, to, points }: MetricsExport): object {
  const span = { startTimeUnixNano: toNanoseconds(from), timeUnixNano: toNanoseconds(to) };
  const metrics = Object.entries<MetricField>(metricFields).flatMap(([key, field]) => {
    const dataPoints = points
      .filter(({ metric }) => metric === key)
      .map((point) => ({ attributes: attributesAt(point), ...span, ...toAmount(point.amount, field) }));
    if (dataPoints.length === 0) return [];
    const { name, unit, instrument } = field;
    const monotonic = instrument.kind === 'counter' ? { isMonotonic: true } : {};
    const data = { aggregationTemporality: deltaTemporality, ...monotonic, dataPoints };
    return [{ name, unit, [carriers[instrument.kind]]: data }];
  });
  const scope = { name: 'sonde', attributes: attributesOf(exportFields, 'scope', chunk) };
  return {
    resourceMetrics: [
      {
        resource: { attributes: senderOf(service) },
        scopeMetrics: [{ scope, schemaUrl: schemaUrl(schemaVersion), metrics }],
      },
    ],
  };
}
