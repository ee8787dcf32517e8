import { type ReceivedChunk, validateLogs } from '../schema/receive.ts';
import type { Ack } from '../shared/control.ts';
import { Refusal } from './body.ts';
import type { Entry } from './line.ts';
import type { SegmentLog } from './log.ts';
import type { CollectorMetrics } from './metrics.ts';
import type { StoredRecords } from './stored.ts';

export interface IngestParts {
  readonly log: Pick<SegmentLog, 'append'>;
  readonly stored: StoredRecords;
  readonly metrics: CollectorMetrics;
  /** Keys of which a body must name one; none = no key is asked for. */
  readonly keys: ReadonlySet<string>;
}

function byLife(chunks: readonly ReceivedChunk[]): ReadonlyMap<string, ReceivedChunk[]> {
  const lives = new Map<string, ReceivedChunk[]>();
  for (const received of chunks) {
    const name = `${received.chunk.session} ${received.chunk.epoch}`;
    const known = lives.get(name);
    if (known === undefined) lives.set(name, [received]);
    else known.push(received);
  }
  return lives;
}

function countRejected(chunks: readonly ReceivedChunk[]): Record<string, number> {
  const rejected: Record<string, number> = {};
  for (const { verdicts } of chunks)
    for (const verdict of verdicts)
      if ('reject' in verdict) rejected[verdict.reject] = (rejected[verdict.reject] ?? 0) + 1;
  return rejected;
}

/** The part of a chunk that is not on disk yet, closed by the line that says which numbers are. */
function entriesOf(received: ReceivedChunk, claim: (seq: number) => boolean, receivedAt: number): Entry[] {
  const { chunk, service, verdicts } = received;
  const fresh = verdicts.flatMap((verdict, index): Entry[] => {
    const seq = chunk.seq + index;
    if (!('record' in verdict) || !claim(seq)) return [];
    return [{ kind: 'record', ...chunk, seq, receivedAt, service, record: verdict.record }];
  });
  const closing = { count: verdicts.length, records: fresh.length, rejected: countRejected([received]) };
  return [...fresh, { kind: 'chunk', ...chunk, receivedAt, ...closing }];
}

/**
 * Schema, key, deduplication, disk: the second half of the checks, behind those on the HTTP request.
 * Answers when every record of the body is on disk, now or from before.
 */
export function createIngest({ log, stored, metrics, keys }: IngestParts) {
  /** One body of a life after the other: a record that arrives twice at once is stored once. */
  const turns = new Map<string, Promise<void>>();

  /** @param received chunks of one life */
  async function store(received: readonly ReceivedChunk[]): Promise<void> {
    const unknown = received.filter(({ chunk, verdicts }) =>
      verdicts.some((_, index) => !stored.has(chunk, chunk.seq + index)),
    );
    const claimed = new Set<number>();
    const entries = unknown.flatMap((part) => {
      const claim = (seq: number): boolean => {
        const isNew = !stored.has(part.chunk, seq) && !claimed.has(seq);
        claimed.add(seq);
        return isNew;
      };
      return entriesOf(part, claim, Date.now());
    });
    if (entries.length > 0) await log.append(entries);
    for (const { chunk, verdicts } of unknown) stored.add(chunk, verdicts.length);
    const records = entries.flatMap((entry) => (entry.kind === 'record' ? [entry.record] : []));
    const valid = received.flatMap(({ verdicts }) => verdicts).filter((verdict) => 'record' in verdict);
    metrics.accepted(records);
    metrics.duplicates(valid.length - records.length);
    metrics.rejected(countRejected(unknown));
  }

  function storeInTurn(life: string, received: readonly ReceivedChunk[]): Promise<void> {
    const before = turns.get(life) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(() => store(received));
    turns.set(life, turn);
    return turn.finally(() => {
      if (turns.get(life) === turn) turns.delete(life);
    });
  }

  /** @throws Refusal for a body that cannot be used, or when the disk takes nothing */
  return async function ingest(body: unknown, key: string | undefined): Promise<Ack> {
    const verdict = validateLogs(body);
    if (verdict.kind === 'malformed') throw new Refusal(400, verdict.code, verdict.message);
    if (keys.size > 0 && (key === undefined || !keys.has(key)))
      throw new Refusal(401, 'bad_key', 'The `key` in the URL is missing or not known here.');
    const lives = byLife(verdict.chunks);
    try {
      await Promise.all([...lives].map(([life, chunks]) => storeInTurn(life, chunks)));
    } catch {
      throw new Refusal(503, 'not_stored', 'The collector could not write to its disk. Send it again later.');
    }
    return {
      kind: 'ack',
      stored: [...lives.values()].flatMap(([first]) =>
        first === undefined ? [] : [stored.rangesOf(first.chunk)],
      ),
      rejected: countRejected(verdict.chunks),
    };
  };
}
