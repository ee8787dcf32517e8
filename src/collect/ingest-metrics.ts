import { validateMetrics } from '../schema/receive-metrics.ts';
import type { Stored } from '../shared/control.ts';
import { notStored, parseText, Refusal, requireKey } from './body.ts';
import { textOf } from './line.ts';
import type { SegmentLog } from './log.ts';
import { lifeKey, type StoredRecords } from './stored.ts';
import type { Tier0 } from './tier0.ts';

export interface MetricsParts {
  readonly log: Pick<SegmentLog, 'append' | 'erasures'>;
  /** Which exports are in the log: they are numbered apart from records. */
  readonly stored: StoredRecords;
  readonly tier0: Tier0;
  readonly keys: ReadonlySet<string>;
}

/** Tier 0: each export goes into the log once, then into the series of `/metrics`. */
export function createMetricsIngest({ log, stored, tier0, keys }: MetricsParts) {
  /** Exports on their way to the disk, so that one that comes twice at once is found. */
  const underway = new Set<string>();

  /** @throws Refusal for a body that cannot be used, or when the disk takes nothing */
  return async function ingest(text: string, key: string | undefined) {
    const verdict = validateMetrics(parseText(text));
    if (verdict.kind === 'malformed') throw new Refusal(400, verdict.code, verdict.message);
    requireKey(key, keys);
    const answers: Stored[] = [];
    for (const { chunk, service, modelId, points } of verdict.exports) {
      const { session, epoch, seq } = chunk;
      const name = `${lifeKey(chunk)} ${seq}`;
      if (log.erasures.hasSession(session)) {
        answers.push({ session, epoch, ranges: [[seq, seq]] });
        continue;
      }
      if (underway.has(name)) throw notStored('The same export is being stored.');
      if (!stored.has(chunk, seq)) {
        underway.add(name);
        try {
          const entry = {
            kind: 'metrics',
            ...chunk,
            receivedAt: Date.now(),
            service,
            modelId,
            points,
          } as const;
          await log.append([textOf(entry)]);
        } catch {
          throw notStored();
        } finally {
          underway.delete(name);
        }
        stored.add(chunk, 1);
        tier0.add(modelId, points);
      }
      answers.push(stored.rangesOf(chunk));
    }
    return { stored: answers, rejected: verdict.rejected };
  };
}
