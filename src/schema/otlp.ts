import type { Spec } from './field.ts';
import {
  type ChunkIdentity,
  chunkFields,
  eventName,
  recordFields,
  schemaUrl,
  schemaVersion,
  serviceFields,
} from './fields.ts';
import type { Masked } from './masked.ts';
import { outcomeEvent, outcomeFields } from './outcome-fields.ts';
import type { OutcomeRecord, RequestRecord, ServiceIdentity } from './record.ts';

/** OTLP/JSON: lowerCamelCase keys, 64-bit integers as decimal text, ids in hex. */
export type AnyValue =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly boolValue: boolean };

export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

export interface LogRecord {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly eventName: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly attributes: readonly KeyValue[];
}

export interface ScopeLogs {
  readonly scope: { readonly name: string; readonly attributes: readonly KeyValue[] };
  readonly schemaUrl: string;
  readonly logRecords: readonly LogRecord[];
}

export interface ResourceLogs {
  readonly resource: { readonly attributes: readonly KeyValue[] };
  readonly scopeLogs: readonly ScopeLogs[];
}

/** Body of `POST /v1/logs`. */
export interface ExportLogsServiceRequest {
  readonly resourceLogs: readonly ResourceLogs[];
}

/** What all records of a sealed chunk share, and the number of its first. */
export interface ChunkHeader {
  readonly service: Masked<ServiceIdentity>;
  readonly chunk: ChunkIdentity;
}

/** Constant resource attributes that no field carries. */
export const sdkAttributes = { 'telemetry.sdk.name': 'sonde', 'telemetry.sdk.language': 'webjs' } as const;

/** OpenTelemetry's SeverityNumber. */
export const severity = { ok: 9, aborted: 13, error: 17 } as const;

export function toAnyValue(spec: Spec, value: unknown): AnyValue {
  switch (spec.kind) {
    case 'text':
    case 'prose':
      return { stringValue: String(value) };
    case 'choice':
      return { stringValue: spec.values[String(value)] ?? String(value) };
    case 'whole':
      return { intValue: String(value) };
    case 'instant':
      return { intValue: toNanoseconds(Number(value)) };
    case 'duration':
      return { doubleValue: Number(value) / 1000 };
    case 'grid':
    case 'exact':
      return { doubleValue: Number(value) };
    case 'flag':
      return { boolValue: value === true };
  }
}

export const toNanoseconds = (epochMilliseconds: number): string => `${epochMilliseconds}000000`;

/** The present fields of `table` that travel on `carrier`, in the table's order. */
export function attributesOf<T extends object>(
  table: Readonly<Record<keyof T & string, { wire: string; carrier: string; spec: Spec }>>,
  carrier: string,
  values: T,
): KeyValue[] {
  const attributes: KeyValue[] = [];
  for (const key of Object.keys(table) as (keyof T & string)[]) {
    const field = table[key];
    const value = values[key];
    if (field.carrier === carrier && value !== undefined)
      attributes.push({ key: field.wire, value: toAnyValue(field.spec, value) });
  }
  return attributes;
}

const toLogRecord = (record: Masked<RequestRecord>): LogRecord => ({
  timeUnixNano: toNanoseconds(record.startedAt),
  observedTimeUnixNano: toNanoseconds(record.endedAt),
  severityNumber: severity[record.outcome],
  eventName,
  traceId: record.traceId,
  spanId: record.spanId,
  attributes: attributesOf(recordFields, 'attribute', record),
});

/** Resource attributes that say who sends. */
export const senderOf = (service: Masked<ServiceIdentity>): readonly KeyValue[] => [
  ...Object.entries(sdkAttributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
  ...attributesOf(serviceFields, 'resource', service),
];

const scopeLogsOf = (chunk: ChunkIdentity, logRecords: readonly LogRecord[]): ScopeLogs => ({
  scope: { name: 'sonde', attributes: attributesOf(chunkFields, 'scope', chunk) },
  schemaUrl: schemaUrl(schemaVersion),
  logRecords,
});

/** The outcome of a request as a complete export request: its model stands on itself, so that all outcomes share a resource. */
export const encodeOutcome = (
  header: ChunkHeader,
  outcome: Masked<OutcomeRecord>,
): ExportLogsServiceRequest => {
  const at = toNanoseconds(outcome.reportedAt);
  const log: LogRecord = {
    timeUnixNano: at,
    observedTimeUnixNano: at,
    severityNumber: outcome.unsafe === true ? severity.error : severity.ok,
    eventName: outcomeEvent,
    attributes: attributesOf(outcomeFields, 'attribute', outcome),
  };
  return {
    resourceLogs: [
      { resource: { attributes: senderOf(header.service) }, scopeLogs: [scopeLogsOf(header.chunk, [log])] },
    ],
  };
};

/**
 * Records with consecutive numbers, the first of which is `header.chunk.seq`, as a complete export request.
 * What is constant stands once, on the resource: at most 150 B gzip a record in chunks of 50. Where model,
 * device or plan change, a new `ResourceLogs` with its own first number begins.
 */
export function encodeLogs(
  header: ChunkHeader,
  records: readonly Masked<RequestRecord>[],
): ExportLogsServiceRequest {
  const service = senderOf(header.service);
  const resourceLogs: ResourceLogs[] = [];
  let open: { identity: string; logRecords: LogRecord[] } | undefined;
  for (const [index, record] of records.entries()) {
    const attributes = attributesOf(recordFields, 'resource', record);
    const identity = JSON.stringify(attributes);
    if (open?.identity !== identity) {
      open = { identity, logRecords: [] };
      const chunk: ChunkIdentity = { ...header.chunk, seq: header.chunk.seq + index };
      resourceLogs.push({
        resource: { attributes: [...service, ...attributes] },
        scopeLogs: [scopeLogsOf(chunk, open.logRecords)],
      });
    }
    open.logRecords.push(toLogRecord(record));
  }
  return { resourceLogs };
}
