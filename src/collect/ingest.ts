import type { ChunkIdentity } from '../schema/fields.ts';
import { type ReceivedChunk, validateLogs } from '../schema/receive.ts';
import type { RequestRecord } from '../schema/record.ts';
import type { Ack } from '../shared/control.ts';
import { Refusal } from './body.ts';
import type { Entry } from './line.ts';
import type { SegmentLog } from './log.ts';
import type { CollectorMetrics } from './metrics.ts';
import type { StoredChunks } from './stored.ts';

export interface IngestParts {
  readonly log: Pick<SegmentLog, 'append'>;
  readonly stored: StoredChunks;
  readonly metrics: CollectorMetrics;
  /** Keys of which a body must name one; none = no key is asked for. */
  readonly keys: ReadonlySet<string>;
}

const nameOf = ({ session, epoch, seq }: ChunkIdentity): string => `${session} ${epoch} ${seq}`;

function countRejected(chunks: readonly ReceivedChunk[]): Record<string, number> {
  const rejected: Record<string, number> = {};
  for (const { verdicts } of chunks)
    for (const verdict of verdicts)
      if ('reject' in verdict) rejected[verdict.reject] = (rejected[verdict.reject] ?? 0) + 1;
  return rejected;
}

function entriesOf(
  received: ReceivedChunk,
  receivedAt: number,
): { entries: Entry[]; records: RequestRecord[] } {
  const { chunk, service, verdicts } = received;
  const records = verdicts.flatMap((verdict) => ('record' in verdict ? [verdict.record] : []));
  return {
    records,
    entries: [
      ...records.map((record): Entry => ({ kind: 'record', ...chunk, receivedAt, service, record })),
      { kind: 'chunk', ...chunk, receivedAt, records: records.length, rejected: countRejected([received]) },
    ],
  };
}

/**
 * Schema, key, deduplication, disk: the second half of the checks, behind those on the HTTP request.
 * Answers when every chunk of the body is on disk, now or from before.
 */
export function createIngest({ log, stored, metrics, keys }: IngestParts) {
  /** Chunks on their way to the disk: the same chunk arriving twice at once waits for the first. */
  const storing = new Map<string, Promise<void>>();

  async function store(received: ReceivedChunk): Promise<void> {
    const { entries, records } = entriesOf(received, Date.now());
    await log.append(entries);
    stored.add(received.chunk);
    metrics.accepted(records);
    metrics.rejected(countRejected([received]));
  }

  function storeOnce(received: ReceivedChunk): Promise<void> {
    const name = nameOf(received.chunk);
    const running = storing.get(name);
    if (running !== undefined || stored.has(received.chunk)) {
      metrics.duplicate();
      return running ?? Promise.resolve();
    }
    const started = store(received).finally(() => storing.delete(name));
    storing.set(name, started);
    return started;
  }

  /** @throws Refusal for a body that cannot be used, or when the disk takes nothing */
  return async function ingest(body: unknown, key: string | undefined): Promise<Ack> {
    const verdict = validateLogs(body);
    if (verdict.kind === 'malformed') throw new Refusal(400, verdict.code, verdict.message);
    if (keys.size > 0 && (key === undefined || !keys.has(key)))
      throw new Refusal(401, 'bad_key', 'The `key` in the URL is missing or not known here.');
    try {
      await Promise.all(verdict.chunks.map(storeOnce));
    } catch {
      throw new Refusal(503, 'not_stored', 'The collector could not write to its disk. Send it again later.');
    }
    const lives = new Map(verdict.chunks.map(({ chunk }) => [`${chunk.session} ${chunk.epoch}`, chunk]));
    return {
      kind: 'ack',
      stored: [...lives.values()].map((chunk) => stored.rangesOf(chunk)),
      rejected: countRejected(verdict.chunks),
    };
  };
}
