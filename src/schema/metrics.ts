import type { EpochMilliseconds } from '../shared/units.ts';
import type { Exponential } from './exponential.ts';
import { type FieldTable, required, whole } from './field.ts';
import type { ChunkIdentity } from './fields.ts';
import { chunkFields } from './fields.ts';
import type { RequestRecord } from './record.ts';

/** How tier 0 tells of a quantity: over all requests, sampled or not, as differences since the last export. */
export type Instrument =
  | { readonly kind: 'counter' }
  | { readonly kind: 'exponential' }
  | { readonly kind: 'explicit'; readonly edges: readonly number[] };

/** Fields of a record that points may be told apart by, under their names on the wire and with their values. */
export const attributeKeys = [
  'modelId',
  'outcome',
  'flow',
  'critical',
  'device',
  'dtype',
  'adapterVendor',
  'adapterArchitecture',
] as const satisfies readonly (keyof RequestRecord)[];
export type AttributeKey = (typeof attributeKeys)[number];
export type Attributes = Partial<Pick<RequestRecord, AttributeKey>>;

export interface MetricField {
  /** Its name on the wire. */
  readonly name: string;
  readonly unit: string;
  readonly instrument: Instrument;
  /** The only attributes of its points; those that a record must have a point must have. */
  readonly attributes: readonly AttributeKey[];
}

/** An edge at 0.2 s exactly: the objective is the fraction at or below it, and quantiles interpolate. */
export const secondsEdges = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30];
export const natsEdges = [0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12.75];
/** Tenths of a baseline: values stand in their middles. */
const decileEdges = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/** In units of the model's own threshold, so 1 is one of them. */
const thresholdEdges = [0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8];
export const probabilityEdges = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];

const ofRequests = ['modelId', 'outcome'] as const;
const ofFlows = [...ofRequests, 'flow', 'critical'] as const;
const ofDevices = ['modelId', 'device', 'dtype', 'adapterVendor', 'adapterArchitecture'] as const;

/** A feature of a window of requests: how many lie in each tenth of the baseline's. */
const ofDeciles = <Name extends string>(name: Name) =>
  ({
    name: `sonde.drift.${name}`,
    unit: '1',
    instrument: { kind: 'explicit', edges: decileEdges },
    attributes: ['modelId'],
  }) as const;

/** Everything tier 0 can tell. What is not in this table the collector does not take. */
export const metricFields = {
  requests: {
    name: 'sonde.requests',
    unit: '{request}',
    instrument: { kind: 'counter' },
    attributes: ofFlows,
  },
  introspected: {
    name: 'sonde.requests.introspected',
    unit: '{request}',
    instrument: { kind: 'counter' },
    attributes: ofFlows,
  },
  metadataMissing: {
    name: 'sonde.metadata.missing',
    unit: '{field}',
    instrument: { kind: 'counter' },
    attributes: ofRequests,
  },
  duration: {
    name: 'gen_ai.client.operation.duration',
    unit: 's',
    instrument: { kind: 'exponential' },
    attributes: ofRequests,
  },
  introspection: {
    name: 'sonde.introspection.duration',
    unit: 's',
    instrument: { kind: 'explicit', edges: secondsEdges },
    attributes: ofRequests,
  },
  entropy: {
    name: 'sonde.token.entropy',
    unit: '{nat}',
    instrument: { kind: 'exponential' },
    attributes: ofRequests,
  },
  confidence: {
    name: 'sonde.token.confidence',
    unit: '1',
    instrument: { kind: 'exponential' },
    attributes: ofRequests,
  },
  deviation: {
    name: 'sonde.device.deviation',
    unit: '1',
    instrument: { kind: 'exponential' },
    attributes: ofDevices,
  },
  driftConfidence: ofDeciles('confidence'),
  driftEntropy: ofDeciles('entropy'),
  driftMargin: ofDeciles('margin'),
  driftLength: ofDeciles('length'),
  driftEmbedding: {
    name: 'sonde.drift.embedding',
    unit: '1',
    instrument: { kind: 'explicit', edges: thresholdEdges },
    attributes: ['modelId'],
  },
} as const satisfies Readonly<Record<string, MetricField>>;

/** The metric of each feature that a window is judged by. */
export const driftMetrics = {
  confidence: 'driftConfidence',
  entropy: 'driftEntropy',
  margin: 'driftMargin',
  length: 'driftLength',
} as const satisfies Readonly<Record<string, MetricKey>>;

export type MetricKey = keyof typeof metricFields;

/** One value of one metric. */
export interface Value {
  readonly metric: MetricKey;
  /** In the unit of the metric, finite and not below 0. */
  readonly value: number;
  /** For how many it stands; default 1. */
  readonly times?: number;
}

/** What one occasion adds to tier 0: a request that ended, a model that was loaded. */
export interface Measurement {
  readonly at: EpochMilliseconds;
  /** Of these each metric takes the attributes that the table gives it. */
  readonly about: Attributes;
  readonly values: readonly Value[];
}

/** Counts per bucket of the metric's edges, one more than there are edges. */
export interface Explicit {
  readonly count: number;
  readonly sum: number;
  readonly counts: readonly number[];
}

export type Amount =
  | { readonly kind: 'counter'; readonly value: number }
  | ({ readonly kind: 'exponential' } & Exponential)
  | ({ readonly kind: 'explicit' } & Explicit);

/** What measurements with the same attributes add up to. */
export interface MetricPoint {
  readonly metric: MetricKey;
  readonly attributes: Attributes;
  readonly amount: Amount;
}

/**
 * Which measurements of a page life an export adds up: `seq` ... `seq + count - 1`. They are numbered apart from
 * records. An export that shares some of its numbers, not all, with what the collector has is not stored: its sender
 * learns from the answer which are, and adds up the others anew.
 */
export interface ExportIdentity extends ChunkIdentity {
  readonly count: number;
}

export const exportFields = {
  ...chunkFields,
  count: required('sonde.seq.count', whole(1, 10_000_000), 'scope'),
} as const satisfies FieldTable<ExportIdentity>;
