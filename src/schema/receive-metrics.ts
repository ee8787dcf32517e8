import { coarsestScale, type Exponential, mostBuckets } from './exponential.ts';
import { recordFields, serviceFields } from './fields.ts';
import {
  type Amount,
  type Attributes,
  type Explicit,
  type ExportIdentity,
  exportFields,
  type MetricField,
  type MetricKey,
  type MetricPoint,
  metricFields,
} from './metrics.ts';
import { sdkAttributes } from './otlp.ts';
import { carriers, deltaTemporality } from './otlp-metrics.ts';
import type { ServiceIdentity } from './record.ts';
import {
  attributesAt,
  isObject,
  type JsonObject,
  missingFrom,
  readInto,
  type WireTable,
  wireTable,
} from './wire.ts';

export interface ReceivedMetrics {
  readonly chunk: ExportIdentity;
  readonly service: ServiceIdentity;
  readonly points: readonly MetricPoint[];
}

/** `reasons` is a closed set of words; what is refused is refused point by point. */
export type MetricsVerdict =
  | { readonly kind: 'malformed'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'metrics';
      readonly exports: readonly ReceivedMetrics[];
      readonly rejected: Readonly<Record<string, number>>;
    };

const mostCount = 1e9;
const mostPoints = 2000;
/** A metric of the table as the reader needs it. */
interface Readable {
  readonly key: MetricKey;
  readonly field: MetricField;
  readonly attributes: WireTable;
}
const byName = new Map<unknown, Readable>(
  Object.entries<MetricField>(metricFields).map(([key, field]) => {
    const attributes = Object.fromEntries(field.attributes.map((name) => [name, recordFields[name]]));
    return [field.name, { key: key as MetricKey, field, attributes: wireTable(attributes) }];
  }),
);
const exportTable = wireTable(exportFields);
const serviceTable = wireTable(serviceFields);

class Refused extends Error {}

const refuse = (reason: string): never => {
  throw new Refused(reason);
};

const list = (value: unknown): readonly JsonObject[] =>
  Array.isArray(value) && value.every(isObject) ? value : refuse('not_otlp');

/** A whole number, which OTLP/JSON writes as text. */
function whole(value: unknown): number {
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= mostCount
    ? number
    : refuse('invalid.count');
}

const counts = (value: unknown, most: number): number[] =>
  Array.isArray(value) && value.length <= most ? value.map(whole) : refuse('invalid.buckets');

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

function real(value: unknown): number {
  return typeof value === 'number' && value >= 0 && value <= 1e12 ? value : refuse('invalid.sum');
}

function readExponential(point: JsonObject): Exponential {
  const { positive = {}, negative, scale } = point;
  if (!isObject(positive) || (negative !== undefined && total(negativeCounts(negative)) > 0))
    return refuse('invalid.buckets');
  if (typeof scale !== 'number' || !Number.isInteger(scale) || scale < coarsestScale || scale > 20)
    return refuse('invalid.scale');
  const offset = positive.offset ?? 0;
  if (typeof offset !== 'number' || !Number.isInteger(offset) || Math.abs(offset) > 2 ** 30)
    return refuse('invalid.buckets');
  const buckets = counts(positive.bucketCounts ?? [], mostBuckets);
  const read = {
    scale,
    offset,
    counts: buckets,
    zeroCount: whole(point.zeroCount ?? 0),
    count: whole(point.count),
    sum: real(point.sum),
  };
  return read.count === read.zeroCount + total(buckets) ? read : refuse('invalid.count');
}

const negativeCounts = (negative: unknown): readonly number[] =>
  isObject(negative) ? counts(negative.bucketCounts ?? [], mostBuckets) : refuse('invalid.buckets');

function readExplicit(point: JsonObject, edges: readonly number[]): Explicit {
  const { explicitBounds } = point;
  const same =
    Array.isArray(explicitBounds) &&
    explicitBounds.length === edges.length &&
    edges.every((edge, i) => explicitBounds[i] === edge);
  if (!same) return refuse('invalid.buckets');
  const read = {
    counts: counts(point.bucketCounts, edges.length + 1),
    count: whole(point.count),
    sum: real(point.sum),
  };
  const fits = read.counts.length === edges.length + 1 && read.count === total(read.counts);
  return fits ? read : refuse('invalid.count');
}

function readAttributes(table: WireTable, point: JsonObject): Attributes {
  const values: Record<string, unknown> = {};
  const sent = attributesAt(point);
  if (sent === undefined) return refuse('unknown_field');
  const reason = readInto(values, table.attributes, sent) ?? missingFrom(table, values);
  return reason === undefined ? values : refuse(reason);
}

function readAmount({ instrument, unit }: MetricField, metric: JsonObject, point: JsonObject): Amount {
  if (metric.unit !== unit) return refuse('invalid.unit');
  switch (instrument.kind) {
    case 'counter':
      return { kind: 'counter', value: whole(point.asInt) };
    case 'exponential':
      return { kind: 'exponential', ...readExponential(point) };
    case 'explicit':
      return { kind: 'explicit', ...readExplicit(point, instrument.edges) };
  }
}

/** The points of a metric, or why one is refused. */
function* pointsOf(metric: JsonObject): Generator<MetricPoint | string> {
  const known = byName.get(metric.name);
  if (known === undefined) return yield 'unknown_metric';
  const { key, field, attributes } = known;
  const data = metric[carriers[field.instrument.kind]];
  if (!isObject(data) || data.aggregationTemporality !== deltaTemporality) return yield 'invalid.temporality';
  for (const point of list(data.dataPoints))
    try {
      const amount = readAmount(field, metric, point);
      yield { metric: key, attributes: readAttributes(attributes, point), amount };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      yield error.message;
    }
}

function readService(resource: unknown): ServiceIdentity {
  const rest = new Map<string, unknown>();
  const values: Record<string, unknown> = {};
  const attributes = attributesAt(resource) ?? refuse('not_otlp');
  const reason =
    readInto(values, serviceTable.attributes, attributes, rest) ?? missingFrom(serviceTable, values);
  for (const [key, value] of Object.entries(sdkAttributes)) if (rest.get(key) === value) rest.delete(key);
  return reason === undefined && rest.size === 0
    ? (values as unknown as ServiceIdentity)
    : refuse('bad_resource');
}

function readScope(scope: unknown): ExportIdentity {
  const values: Record<string, unknown> = {};
  const attributes = attributesAt(scope) ?? refuse('not_otlp');
  const reason = readInto(values, exportTable.attributes, attributes) ?? missingFrom(exportTable, values);
  return reason === undefined ? (values as unknown as ExportIdentity) : refuse('bad_scope');
}

/** Judges a parsed `POST /v1/metrics` body against the table of metrics. */
export function validateMetrics(body: unknown): MetricsVerdict {
  const exports: ReceivedMetrics[] = [];
  const rejected: Record<string, number> = {};
  let seen = 0;
  try {
    for (const resourceMetrics of list(isObject(body) ? body.resourceMetrics : undefined)) {
      const service = readService(resourceMetrics.resource);
      for (const scopeMetrics of list(resourceMetrics.scopeMetrics)) {
        const points: MetricPoint[] = [];
        const chunk = readScope(scopeMetrics.scope);
        for (const metric of list(scopeMetrics.metrics))
          for (const found of pointsOf(metric)) {
            seen += 1;
            if (seen > mostPoints) return refuse('too_many_points');
            if (typeof found === 'string') rejected[found] = (rejected[found] ?? 0) + 1;
            else points.push(found);
          }
        exports.push({ chunk, service, points });
      }
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const message = 'The body must be an OTLP/JSON metrics export as docs/telemetry.md has it.';
    return { kind: 'malformed', code: error.message, message };
  }
  return { kind: 'metrics', exports, rejected };
}
