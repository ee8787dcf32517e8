import type { Masked } from '../../schema/masked.ts';
import {
  encodeLogs,
  encodeOutcome,
  type LogRecord,
  type ResourceLogs,
  severity,
  toNanoseconds,
} from '../../schema/otlp.ts';
import { encodeMetrics } from '../../schema/otlp-metrics.ts';
import type { OutcomeRecord, RequestRecord, ServiceIdentity } from '../../schema/record.ts';
import { epochMilliseconds } from '../../shared/units.ts';
import type { Entry, ErasureEntry, ForeignEntry, MetricsEntry, RecordEntry } from '../line.ts';
import { foreignLogs } from './foreign.ts';

export type Signal = 'logs' | 'metrics';
/** What is told elsewhere: records, exports of tier 0, and that a session is to be forgotten there too. */
export type Item = RecordEntry | ForeignEntry | MetricsEntry | ErasureEntry;

export const signalOf = (entry: Entry): Signal | undefined => {
  switch (entry.kind) {
    case 'record':
    case 'foreign':
    case 'erasure':
      return 'logs';
    case 'metrics':
      return 'metrics';
    default:
      return undefined;
  }
};

/** What stands in the log passed the schema when it came, by the same tests as the mask's. */
const trusted = <T extends OutcomeRecord | RequestRecord | ServiceIdentity>(value: T): Masked<T> =>
  value as Masked<T>;

/** Name of the event that tells of an erasure, and of its one attribute: the SHA-256 of `sonde.session`, in hex. */
const erasureEvent = 'sonde.erasure';
const erasureSubject = 'sonde.erasure.subject';

function erasureLogs({ at, subject }: ErasureEntry): ResourceLogs {
  const time = toNanoseconds(at);
  const log: LogRecord = {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: severity.ok,
    eventName: erasureEvent,
    attributes: [{ key: erasureSubject, value: { stringValue: subject } }],
  };
  return {
    resource: { attributes: [] },
    scopeLogs: [{ scope: { name: 'sonde', attributes: [] }, schemaUrl: '', logRecords: [log] }],
  };
}

const continues = (run: readonly RecordEntry[], next: RecordEntry): boolean => {
  const last = run.at(-1);
  return (
    last !== undefined &&
    last.session === next.session &&
    last.epoch === next.epoch &&
    last.seq + 1 === next.seq &&
    JSON.stringify(last.service) === JSON.stringify(next.service)
  );
};

function encodeRun(run: readonly RecordEntry[]): readonly ResourceLogs[] {
  const [first] = run;
  if (first === undefined) return [];
  const { session, epoch, seq } = first;
  const header = { service: trusted(first.service), chunk: { session, epoch, seq } };
  const records = run.flatMap(({ record }) => ('reportedAt' in record ? [] : [trusted(record)]));
  return encodeLogs(header, records).resourceLogs;
}

function encodeItems(items: readonly Item[]): readonly ResourceLogs[] {
  const found: ResourceLogs[] = [];
  let run: RecordEntry[] = [];
  const close = (): void => {
    found.push(...encodeRun(run));
    run = [];
  };
  for (const item of items) {
    if (item.kind === 'record' && !('reportedAt' in item.record)) {
      if (!continues(run, item)) close();
      run.push(item);
      continue;
    }
    close();
    if (item.kind === 'erasure') found.push(erasureLogs(item));
    else if (item.kind === 'foreign') found.push(foreignLogs(item));
    else if (item.kind === 'record' && 'reportedAt' in item.record) {
      const { session, epoch, seq, service, record } = item;
      const header = { service: trusted(service), chunk: { session, epoch, seq } };
      found.push(...encodeOutcome(header, trusted(record)).resourceLogs);
    }
  }
  close();
  return found;
}

function encodeExport({ session, epoch, seq, count, service, receivedAt, points }: MetricsEntry): object {
  // The log keeps when it came, not when it was measured.
  const at = epochMilliseconds(receivedAt);
  const chunk = { session, epoch, seq, count };
  return encodeMetrics({ service: trusted(service), chunk, from: at, to: at, points });
}

/** The OTLP/JSON body of items of one signal. */
export function encodeBody(signal: Signal, items: readonly Item[]): string {
  if (signal === 'logs') return JSON.stringify({ resourceLogs: encodeItems(items) });
  const exports = items.flatMap((item) => (item.kind === 'metrics' ? [encodeExport(item)] : []));
  return JSON.stringify({
    resourceMetrics: exports.flatMap((each) =>
      'resourceMetrics' in each ? (each.resourceMetrics as readonly object[]) : [],
    ),
  });
}
