import { type ReceivedMetrics, validateMetrics } from '../schema/receive-metrics.ts';
import type { Ack, Stored } from '../shared/control.ts';
import { notStored, parseBody, Refusal, requireKey } from './body.ts';
import { bytesOf } from './line.ts';
import type { SegmentLog } from './log.ts';
import { lifeKey, type StoredRecords } from './stored.ts';
import type { Tier0 } from './tier0.ts';
import { Turns } from './turns.ts';

export interface MetricsParts {
  readonly log: Pick<SegmentLog, 'append' | 'erasures'>;
  /** Which measurements are in the log: they are numbered apart from records. */
  readonly stored: StoredRecords;
  readonly tier0: Tier0;
  readonly keys: ReadonlySet<string>;
}

/** Tier 0: each measurement goes into the log once, then into the series of `/metrics`. */
export function createMetricsIngest({ log, stored, tier0, keys }: MetricsParts) {
  /** One export of a life at a time, so that two with the same measurements are not both new. */
  const turns = new Turns();

  /** A sum cannot be taken apart: one that is there in part is left to its sender to add up anew. */
  async function store({ chunk, service, points }: ReceivedMetrics): Promise<Stored> {
    const { session, epoch, seq, count } = chunk;
    if (log.erasures.hasSession(session)) return { session, epoch, ranges: [[seq, seq + count - 1]] };
    if (stored.holds(chunk, count) === 'none') {
      await log.append([bytesOf({ kind: 'metrics', ...chunk, receivedAt: Date.now(), service, points })]);
      stored.add(chunk, count);
      tier0.add(points);
    }
    return stored.rangesOf(chunk);
  }

  /** @throws Refusal for a body that cannot be used, or when the disk takes nothing */
  return async function ingest(body: Buffer, key: string | undefined): Promise<Ack> {
    const verdict = validateMetrics(parseBody(body));
    if (verdict.kind === 'malformed') throw new Refusal(400, verdict.code, verdict.message);
    requireKey(key, keys);
    try {
      const settled = verdict.exports.map((each) => turns.take(lifeKey(each.chunk), () => store(each)));
      return { kind: 'ack', stored: await Promise.all(settled), rejected: verdict.rejected };
    } catch {
      throw notStored();
    }
  };
}
