import { hash } from 'node:crypto';
import type { ChunkIdentity } from '../schema/fields.ts';
import type { ExportIdentity, MetricPoint } from '../schema/metrics.ts';
import type { OutcomeRecord, RequestRecord, ServiceIdentity } from '../schema/record.ts';
import type { Head } from './head.ts';

/** One record as it is kept, under its own `seq`. A `ChunkEntry` behind its last record closes what came with it. */
export interface RecordEntry extends ChunkIdentity {
  readonly kind: 'record';
  /** Epoch ms by the collector's clock. */
  readonly receivedAt: number;
  readonly service: ServiceIdentity;
  readonly record: RequestRecord | OutcomeRecord;
}

/**
 * The numbers `seq` ... `seq + count - 1` are settled when this line is on disk: records that no such line
 * follows were never acknowledged.
 */
export interface ChunkEntry extends ChunkIdentity {
  readonly kind: 'chunk';
  readonly receivedAt: number;
  readonly count: number;
  /** How many of them stand before this line; the others were refused. */
  readonly records: number;
  readonly rejected: Readonly<Record<string, number>>;
}

/** Somebody wants a session forgotten. What comes of it later is not taken any more. */
export interface ErasureEntry {
  readonly kind: 'erasure';
  readonly at: number;
  /** SHA-256 of the session's id. */
  readonly subject: string;
  readonly reason: string;
}

/** What a sweep for that session left: tombstones in all, and records that a hold keeps. */
export interface ErasedEntry {
  readonly kind: 'erased';
  readonly at: number;
  readonly subject: string;
  readonly records: number;
  readonly waiting: number;
}

/** Nothing received from `from` to `to` (epoch ms, both included) is erased until the hold is released. */
export interface HoldEntry {
  readonly kind: 'hold';
  readonly at: number;
  readonly id: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

export interface ReleaseEntry {
  readonly kind: 'release';
  readonly at: number;
  readonly id: string;
}

/** Somebody asked the admin listener for something, and was let in or not. */
export interface AccessEntry {
  readonly kind: 'access';
  readonly at: number;
  /** Of the token, as the operator named it. */
  readonly name: string;
  readonly role: string;
  /** Pattern of the route, such as /api/requests/:id. */
  readonly route: string;
  readonly allowed: boolean;
}

/** Segments up to this one are in cold storage from now on, as tables. */
export interface RetiredEntry {
  readonly kind: 'retired';
  readonly at: number;
  readonly segment: number;
  /** Records in them, from the log's beginning on, and the chain value of their last line. */
  readonly records: number;
  readonly chain: string;
}

/** About the log itself. A notice stands by itself: it closes no chunk and belongs to none. */
export type NoticeEntry = ErasureEntry | ErasedEntry | HoldEntry | ReleaseEntry | AccessEntry | RetiredEntry;

/** One export of tier 0: the sum of `count` measurements, which are numbered apart from the records. */
export interface MetricsEntry extends ExportIdentity {
  readonly kind: 'metrics';
  readonly receivedAt: number;
  readonly service: ServiceIdentity;
  readonly points: readonly MetricPoint[];
}

/** What an allow-list left of a log record of another SDK. It belongs to no chunk. */
export interface ForeignEntry {
  readonly kind: 'foreign';
  readonly receivedAt: number;
  /** Epoch ms by the sender's clock. */
  readonly at?: number;
  /** OpenTelemetry's SeverityNumber. */
  readonly severity?: number;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly resource: Readonly<Record<string, string | number | boolean>>;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

export type Entry = RecordEntry | ChunkEntry | MetricsEntry | ForeignEntry | NoticeEntry;

const kinds: ReadonlySet<unknown> = new Set<Entry['kind']>([
  'record',
  'chunk',
  'metrics',
  'erasure',
  'erased',
  'hold',
  'release',
  'access',
  'retired',
  'foreign',
]);

/** Whether it is a record, of Sonde's own or of another SDK: a log has the one kind or the other. */
export const isRecordKind = (kind: Entry['kind']): boolean => kind === 'record' || kind === 'foreign';

/** What stands in an erased entry's place: the entry's hash stays on the line, so the chain does. */
export interface Tombstone {
  readonly kind: 'record' | 'chunk' | 'metrics' | 'foreign';
  readonly subject: string;
}

/** An entry as it is written: what is hashed is these bytes. */
export interface EntryBytes {
  readonly kind: Entry['kind'];
  /** UTF-8. */
  readonly json: Buffer;
}

export const bytesOf = (entry: Entry): EntryBytes => ({
  kind: entry.kind,
  json: Buffer.from(JSON.stringify(entry)),
});

/** What records that came together are written with, each as `bytesOf` would write its entry. */
export function recordWriter(
  { session, epoch }: Pick<ChunkIdentity, 'session' | 'epoch'>,
  receivedAt: number,
  service: ServiceIdentity,
): (seq: number, record: readonly [begin: string, rest?: Uint8Array]) => EntryBytes {
  const before = `{"kind":"record","session":"${session}","epoch":${epoch},"seq":`;
  const behind = `,"receivedAt":${receivedAt},"service":${JSON.stringify(service)},"record":`;
  return (seq, [begin, rest = nothing]) => {
    const text = `${before}${seq}${behind}${begin}`;
    // Every text of a record is ASCII: the schema lets little else through, and that is escaped.
    const json = Buffer.allocUnsafe(text.length + rest.length + 1);
    json.write(text, 'latin1');
    json.set(rest, text.length);
    json[json.length - 1] = closingBrace;
    return { kind: 'record', json };
  };
}

const nothing = new Uint8Array();
const closingBrace = 0x7d;

/**
 * What new segments are written in. Format 2 has `retired` and `foreign` entries; everything else is as in 1. A segment stays in the
 * format it was begun in, since its lines are hashed; every format up to this one is read.
 */
export const segmentFormat = 2;

/** First line of every segment. */
export interface Header {
  readonly format: number;
  readonly segment: number;
  /** Chain value of the last line before this segment. */
  readonly previous: string;
  /** The signed end of the segment before; the first segment has none. */
  readonly head?: Head;
}

/** Chain value before the first line of the first segment. */
export const genesis = '0'.repeat(64);

export const hashEntry = (json: string | Buffer): string => hash('sha256', json);
/** Every line fixes all lines before it: chain(n) = SHA-256(chain(n-1) + hash(n)), in hex. */
export const nextChain = (chain: string, entryHash: string): string => hash('sha256', chain + entryHash);

const lineBegin = (chain: string, entryHash: string): string =>
  `{"chain":"${chain}","hash":"${entryHash}","entry":`;
const lineEnd = '}\n';
const frameBytes = lineBegin(genesis, genesis).length + lineEnd.length;

export const writeLine = (chain: string, entryHash: string, json: string): string =>
  lineBegin(chain, entryHash) + json + lineEnd;

/** The lines of entries that follow on `chain`, and the chain value behind them. */
export function linesOf(
  entries: readonly EntryBytes[],
  chain: string,
): { readonly bytes: Buffer; readonly chain: string } {
  let size = 0;
  for (const { json } of entries) size += frameBytes + json.length;
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  let last = chain;
  for (const { json } of entries) {
    const entryHash = hashEntry(json);
    last = nextChain(last, entryHash);
    at += bytes.write(lineBegin(last, entryHash), at, 'latin1');
    bytes.set(json, at);
    at += json.length;
    at += bytes.write(lineEnd, at, 'latin1');
  }
  return { bytes, chain: last };
}

export const writeTombstone = (chain: string, hash: string, { kind, subject }: Tombstone): string =>
  `{"chain":"${chain}","hash":"${hash}","tombstone":{"kind":"${kind}","subject":"${subject}"}}\n`;

interface Linked {
  readonly chain: string;
  readonly hash: string;
}

/** A line with its entry's bytes as they were hashed: JSON may be written in many ways, a hash covers one. */
export type Line =
  | (Linked & { readonly json: string })
  | (Linked & { readonly json?: undefined; readonly tombstone: Tombstone });

export function readLine(text: string): Line | undefined {
  const found = /^\{"chain":"([0-9a-f]{64})","hash":"([0-9a-f]{64})",(?:"entry":(\{.*\})|(.*))\}$/.exec(text);
  if (found === null) return undefined;
  const [, chain = '', hash = '', json, rest = ''] = found;
  if (json !== undefined) return { chain, hash, json };
  const erased = /^"tombstone":\{"kind":"(record|chunk|metrics|foreign)","subject":"([0-9a-f]{64})"\}$/.exec(
    rest,
  );
  if (erased === null) return undefined;
  const [, kind, subject = ''] = erased;
  return { chain, hash, tombstone: { kind: kind as Tombstone['kind'], subject } };
}

export function readEntry(json: string): Entry | undefined {
  try {
    const entry: unknown = JSON.parse(json);
    if (typeof entry !== 'object' || entry === null || !('kind' in entry)) return undefined;
    return kinds.has(entry.kind) ? (entry as Entry) : undefined;
  } catch {
    return undefined;
  }
}

export function readHeader(text: string): Header | undefined {
  try {
    const header = JSON.parse(text) as Partial<Header> | null;
    if (!Number.isSafeInteger(header?.format) || !Number.isSafeInteger(header?.segment)) return undefined;
    return typeof header?.previous === 'string' ? (header as Header) : undefined;
  } catch {
    return undefined;
  }
}
