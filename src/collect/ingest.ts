import type { Measured } from '../schema/compact.ts';
import {
  type Read,
  type ReceivedChunk,
  readLogsBytes,
  type Verdict,
  validateLogs,
} from '../schema/receive.ts';
import type { OutcomeRecord } from '../schema/record.ts';
import type { Ack, Stored } from '../shared/control.ts';
import { jsonBytes, notStored, parseBody, parseText, Refusal, requireKey } from './body.ts';
import { bytesOf, type EntryBytes, recordWriter } from './line.ts';
import type { SegmentLog } from './log.ts';
import type { CollectorMetrics } from './metrics.ts';
import type { Rollups } from './rollups.ts';
import { type Life, lifeKey, StoredRecords } from './stored.ts';
import type { Tail } from './tail.ts';
import { Turns } from './turns.ts';

export interface IngestParts {
  readonly log: Pick<SegmentLog, 'append' | 'erasures'>;
  readonly stored: StoredRecords;
  readonly metrics: CollectorMetrics;
  readonly rollups: Rollups;
  readonly tail: Tail;
  /** Keys of which a body must name one; none = no key is asked for. */
  readonly keys: ReadonlySet<string>;
}

/** A record with its number: as it is to be stored, or why it is not. */
type Numbered = { readonly seq: number } & (
  | {
      readonly entry: EntryBytes;
      readonly measured: Measured | undefined;
      readonly outcome?: OutcomeRecord;
    }
  | { readonly reject: string }
);

/** What a body holds of one life. */
interface Delivery {
  readonly life: Life;
  readonly records: readonly Numbered[];
}

/** What became of a delivery. */
interface Settled {
  readonly stored: Stored;
  readonly rejected: Readonly<Record<string, number>>;
}

/** A text that somebody opted in to send may hold any character. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** An outcome is stored like a record, and counted by itself. */
function settle(seq: number, verdict: Verdict | Read, write: ReturnType<typeof recordWriter>): Numbered {
  if ('reject' in verdict) return { seq, reject: verdict.reject };
  if ('json' in verdict) return { seq, entry: write(seq, verdict.json), measured: verdict.measured };
  if ('outcome' in verdict) {
    const { outcome } = verdict;
    return { seq, entry: write(seq, [JSON.stringify(outcome)]), measured: undefined, outcome };
  }
  return { seq, entry: write(seq, [asciiJson(verdict.record)]), measured: verdict.record };
}

function deliveriesOf(
  chunks: readonly ReceivedChunk<Verdict | Read>[],
  receivedAt: number,
): readonly Delivery[] {
  const deliveries = new Map<string, { life: Life; records: Numbered[] }>();
  for (const { chunk, service, verdicts } of chunks) {
    const { session, epoch } = chunk;
    const delivery = deliveries.get(lifeKey(chunk)) ?? { life: { session, epoch }, records: [] };
    deliveries.set(lifeKey(chunk), delivery);
    const write = recordWriter(chunk, receivedAt, service);
    for (const [index, verdict] of verdicts.entries())
      delivery.records.push(settle(chunk.seq + index, verdict, write));
  }
  return [...deliveries.values()];
}

function countRejected(records: readonly Numbered[]): Record<string, number> {
  const rejected: Record<string, number> = {};
  for (const record of records)
    if ('reject' in record) rejected[record.reject] = (rejected[record.reject] ?? 0) + 1;
  return rejected;
}

/** Those of the records whose number is new, each number once, in order, as runs of consecutive numbers. */
function freshRuns({ life, records }: Delivery, stored: StoredRecords): readonly (readonly Numbered[])[] {
  const fresh = new Map<number, Numbered>();
  for (const record of records)
    if (!stored.has(life, record.seq) && !fresh.has(record.seq)) fresh.set(record.seq, record);
  const runs: Numbered[][] = [];
  for (const record of [...fresh.values()].sort((a, b) => a.seq - b.seq)) {
    const open = runs.at(-1);
    if (open?.at(-1)?.seq === record.seq - 1) open.push(record);
    else runs.push([record]);
  }
  return runs;
}

/** The records of a run, closed by the line that says which numbers are settled. */
function entriesOf(life: Life, run: readonly Numbered[], receivedAt: number): EntryBytes[] {
  const entries: EntryBytes[] = [];
  for (const record of run) if ('entry' in record) entries.push(record.entry);
  const count = { count: run.length, records: entries.length, rejected: countRejected(run) };
  entries.push(bytesOf({ kind: 'chunk', ...life, seq: run[0]?.seq ?? 0, receivedAt, ...count }));
  return entries;
}

/** Records that were read, until they are copied into their entries. */
const scratch = Buffer.allocUnsafe(jsonBytes);

/** @throws Refusal when nothing of it can be used */
function judge(body: Buffer): readonly ReceivedChunk<Verdict | Read>[] {
  const read = readLogsBytes({ bytes: body, text: body.toString('latin1') }, scratch, parseText);
  if (read !== undefined) return read;
  const verdict = validateLogs(parseBody(body));
  if (verdict.kind === 'malformed') throw new Refusal(400, verdict.code, verdict.message);
  return verdict.chunks;
}

/**
 * Schema, key, deduplication, disk: the second half of the checks, behind those on the HTTP request.
 * Answers when every record of the body is on disk, now or from before.
 */
export function createIngest({ log, stored, metrics, rollups, tail, keys }: IngestParts) {
  /** One delivery of a life at a time: a number that comes twice at once is found the second time. */
  const turns = new Turns();

  async function store(delivery: Delivery, receivedAt: number): Promise<Settled> {
    const { life, records } = delivery;
    if (log.erasures.hasSession(life.session)) return forget(delivery);
    const runs = freshRuns(delivery, stored);
    const fresh = runs.flat();
    metrics.duplicates(records.length - fresh.length);
    const rejected = countRejected(records);
    if (fresh.length === 0) return { stored: stored.rangesOf(life), rejected };
    const entries = runs.flatMap((run) => entriesOf(life, run, receivedAt));
    const segment = await log.append(entries);
    for (const run of runs) stored.add({ ...life, seq: run[0]?.seq ?? 0 }, run.length);
    const measured: Measured[] = [];
    for (const record of fresh)
      if ('measured' in record && record.measured !== undefined) measured.push(record.measured);
    metrics.accepted(measured);
    for (const record of measured) rollups.add(segment, receivedAt, record);
    for (const record of fresh)
      if ('outcome' in record && record.outcome !== undefined) {
        metrics.judged(record.outcome);
        rollups.judge(segment, receivedAt, record.outcome);
      }
    if (tail.isHeard)
      tail.send(entries.flatMap(({ kind, json }) => (kind === 'record' ? [json.toString()] : [])));
    metrics.rejected(countRejected(fresh));
    return { stored: stored.rangesOf(life), rejected };
  }

  /** What comes of an erased session is settled, so that nobody sends it again, and kept nowhere. */
  function forget(delivery: Delivery): Settled {
    const rejected = { erased: delivery.records.length };
    metrics.rejected(rejected);
    const ranges = freshRuns(delivery, new StoredRecords()).map((run): [number, number] => [
      run[0]?.seq ?? 0,
      run.at(-1)?.seq ?? 0,
    ]);
    return { stored: { ...delivery.life, ranges }, rejected };
  }

  /** @throws Refusal for a body that cannot be used, or when the disk takes nothing */
  return async function ingest(body: Buffer, key: string | undefined): Promise<Ack> {
    const chunks = judge(body);
    requireKey(key, keys);
    const receivedAt = Date.now();
    const deliveries = deliveriesOf(chunks, receivedAt);
    let settled: readonly Settled[];
    try {
      settled = await Promise.all(
        deliveries.map((delivery) => turns.take(lifeKey(delivery.life), () => store(delivery, receivedAt))),
      );
    } catch {
      throw notStored();
    }
    const rejected: Record<string, number> = {};
    for (const each of settled)
      for (const [reason, count] of Object.entries(each.rejected))
        rejected[reason] = (rejected[reason] ?? 0) + count;
    return { kind: 'ack', stored: settled.map(({ stored: ranges }) => ranges), rejected };
  };
}
