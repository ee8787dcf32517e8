import { coarsestScale, type Exponential, mostBuckets } from './exponential.ts';
import { type ChunkIdentity, chunkFields, recordFields, serviceFields } from './fields.ts';
import { type MetricField, type MetricKey, metricFields, outcomeAttribute, outcomes } from './metrics.ts';
import { sdkAttributes } from './otlp.ts';
import type { Outcome, ServiceIdentity } from './record.ts';
import { attributesAt, isObject, type JsonObject, missingFrom, readInto, wireTable } from './wire.ts';

/** Counts per bucket of the metric's edges, one more than there are edges. */
export interface Explicit {
  readonly count: number;
  readonly sum: number;
  readonly counts: readonly number[];
}

export type MetricPoint = { readonly outcome: Outcome } & (
  | { readonly kind: 'counter'; readonly value: number }
  | ({ readonly kind: 'exponential' } & Exponential)
  | ({ readonly kind: 'explicit' } & Explicit)
);

export interface ReceivedMetric {
  readonly metric: MetricKey;
  readonly point: MetricPoint;
}

/** One export of one page life: `chunk.seq` numbers exports, so that one that comes twice counts once. */
export interface ReceivedMetrics {
  readonly chunk: ChunkIdentity;
  readonly service: ServiceIdentity;
  readonly modelId: string;
  readonly points: readonly ReceivedMetric[];
}

/** `reasons` is a closed set of words; what is refused is refused point by point. */
export type MetricsVerdict =
  | { readonly kind: 'malformed'; readonly code: string; readonly message: string }
  | {
      readonly kind: 'metrics';
      readonly exports: readonly ReceivedMetrics[];
      readonly rejected: Readonly<Record<string, number>>;
    };

/** OTLP's AGGREGATION_TEMPORALITY_DELTA. */
const delta = 1;
const mostCount = 1e9;
const mostPoints = 2000;
const byName = new Map<unknown, [MetricKey, MetricField]>(
  Object.entries<MetricField>(metricFields).map(([key, field]) => [field.name, [key as MetricKey, field]]),
);
const chunkTable = wireTable(chunkFields);
const serviceTable = wireTable(serviceFields);
const modelTable = wireTable({ modelId: recordFields.modelId });

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

function outcomeOf(point: JsonObject): Outcome {
  const attributes = attributesAt(point);
  const found = outcomes.find((outcome) => outcome === attributes?.get(outcomeAttribute));
  return attributes?.size === 1 && found !== undefined ? found : refuse('unknown_field');
}

function readPoint(metric: JsonObject, { instrument, unit }: MetricField, point: JsonObject): MetricPoint {
  if (metric.unit !== unit) return refuse('invalid.unit');
  const outcome = outcomeOf(point);
  switch (instrument.kind) {
    case 'counter':
      return { kind: 'counter', outcome, value: whole(point.asInt) };
    case 'exponential':
      return { kind: 'exponential', outcome, ...readExponential(point) };
    case 'explicit':
      return { kind: 'explicit', outcome, ...readExplicit(point, instrument.edges) };
  }
}

const carriers = { counter: 'sum', exponential: 'exponentialHistogram', explicit: 'histogram' } as const;

/** The points of a metric with what is wrong with each. */
function* pointsOf(metric: JsonObject): Generator<ReceivedMetric | string> {
  const [key, field] = byName.get(metric.name) ?? [];
  if (key === undefined || field === undefined) return yield 'unknown_metric';
  const data = metric[carriers[field.instrument.kind]];
  if (!isObject(data) || data.aggregationTemporality !== delta) return yield 'invalid.temporality';
  for (const point of list(data.dataPoints))
    try {
      yield { metric: key, point: readPoint(metric, field, point) };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      yield error.message;
    }
}

function readResource(resource: unknown) {
  const rest = new Map<string, unknown>();
  const values: Record<string, unknown> = {};
  const left = new Map<string, unknown>();
  const attributes = attributesAt(resource) ?? refuse('not_otlp');
  const reason =
    readInto(values, serviceTable.attributes, attributes, rest) ?? missingFrom(serviceTable, values);
  if (reason !== undefined) return refuse('bad_resource');
  for (const [key, value] of Object.entries(sdkAttributes)) if (rest.get(key) === value) rest.delete(key);
  const model: Record<string, unknown> = {};
  if ((readInto(model, modelTable.attributes, rest, left) ?? missingFrom(modelTable, model)) !== undefined)
    return refuse('bad_resource');
  return { service: values as unknown as ServiceIdentity, modelId: String(model.modelId) };
}

function readScope(scope: unknown): ChunkIdentity {
  const values: Record<string, unknown> = {};
  const attributes = attributesAt(scope) ?? refuse('not_otlp');
  const reason = readInto(values, chunkTable.attributes, attributes) ?? missingFrom(chunkTable, values);
  return reason === undefined ? (values as unknown as ChunkIdentity) : refuse('bad_scope');
}

/** Judges a parsed `POST /v1/metrics` body against the table of metrics. */
export function validateMetrics(body: unknown): MetricsVerdict {
  const exports: ReceivedMetrics[] = [];
  const rejected: Record<string, number> = {};
  let seen = 0;
  try {
    for (const resourceMetrics of list(isObject(body) ? body.resourceMetrics : undefined)) {
      const resource = readResource(resourceMetrics.resource);
      for (const scopeMetrics of list(resourceMetrics.scopeMetrics)) {
        const points: ReceivedMetric[] = [];
        const chunk = readScope(scopeMetrics.scope);
        for (const metric of list(scopeMetrics.metrics))
          for (const found of pointsOf(metric)) {
            seen += 1;
            if (seen > mostPoints) return refuse('too_many_points');
            if (typeof found === 'string') rejected[found] = (rejected[found] ?? 0) + 1;
            else points.push(found);
          }
        exports.push({ chunk, ...resource, points });
      }
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const message = 'The body must be an OTLP/JSON metrics export as docs/telemetry.md has it.';
    return { kind: 'malformed', code: error.message, message };
  }
  return { kind: 'metrics', exports, rejected };
}
