import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Erasures } from '../erasures.ts';
import { segmentName } from '../folder.ts';
import type { SegmentLog } from '../log.ts';
import { type Swept, swept } from '../sweep.ts';
import { tableName } from '../tables/path.ts';
import { writeTable } from '../tables/table.ts';
import type { Tables } from '../tables/tables.ts';
import { type ColdStore, digestOf } from './cold.ts';
import { fetchSegment, inScratch } from './fetch.ts';
import type { Retired, RetiredSegment } from './retired.ts';

export interface EraseParts {
  readonly log: SegmentLog;
  readonly tables: Tables;
  readonly cold: ColdStore;
}

/** Sessions of which something may still stand in cold storage. */
export function unerased(retired: Retired, erasures: Erasures): readonly string[] {
  const done = new Set(retired.erased);
  return erasures.subjects.filter((subject) => !done.has(subject));
}

/**
 * Erasures follow into cold storage: each table is read once for all sessions that wait, and written anew where it holds
 * one of them. Killed in between, the next call goes on.
 * @returns how many sessions are done with
 */
export async function eraseCold({ log, tables, cold }: EraseParts): Promise<number> {
  const { retired } = log;
  const subjects = retired === undefined ? [] : unerased(retired, log.erasures);
  if (retired === undefined || subjects.length === 0) return 0;
  const waiting = new Set<string>();
  const segments: RetiredSegment[] = [];
  for (const told of retired.segments)
    segments.push(
      await inScratch(log.folder, async (scratch) => {
        const counts = new Map(
          subjects.map((subject): [string, Swept] => [subject, { records: 0, waiting: 0 }]),
        );
        const before = await fetchSegment(tables.duck, cold, told, scratch);
        let after = '';
        for (const [index, line] of before.trimEnd().split('\n').entries())
          after += index === 0 ? `${line}\n` : swept(line, log.erasures, counts);
        for (const [subject, count] of counts) if (count.waiting > 0) waiting.add(subject);
        if (after === before) return told;
        const segment = join(scratch, segmentName(told.segment));
        const table = join(scratch, tableName(segment));
        await writeFile(segment, after);
        await writeTable(tables.duck, segment, table);
        const sha256 = await digestOf(table);
        await cold.put(tableName(segment), table, sha256);
        return { ...told, sha256, bytes: (await stat(table)).size };
      }),
    );
  const done = subjects.filter((subject) => !waiting.has(subject));
  const left: Retired = { ...retired, segments, erased: [...retired.erased, ...done] };
  await log.keepRetired(left);
  return done.length;
}
