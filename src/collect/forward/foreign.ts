import { type AnyValue, type KeyValue, type ResourceLogs, toNanoseconds } from '../../schema/otlp.ts';
import type { ForeignEntry } from '../line.ts';

function anyValue(value: string | number | boolean): AnyValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

const attributesOf = (values: ForeignEntry['attributes']): readonly KeyValue[] =>
  Object.entries(values).map(([key, value]) => ({ key, value: anyValue(value) }));

/** What was kept of another SDK's record; its scope's name and its event's are among the attributes, as they were listed. */
export function foreignLogs({
  receivedAt,
  at = receivedAt,
  severity = 0,
  traceId,
  spanId,
  resource,
  attributes,
}: ForeignEntry): ResourceLogs {
  const record = {
    timeUnixNano: toNanoseconds(at),
    observedTimeUnixNano: toNanoseconds(receivedAt),
    severityNumber: severity,
    eventName: '',
    ...(traceId === undefined ? {} : { traceId }),
    ...(spanId === undefined ? {} : { spanId }),
    attributes: attributesOf(attributes),
  };
  return {
    resource: { attributes: attributesOf(resource) },
    scopeLogs: [{ scope: { name: '', attributes: [] }, schemaUrl: '', logRecords: [record] }],
  };
}
