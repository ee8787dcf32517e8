import { stat } from 'node:fs/promises';
import { listSegments } from '../folder.ts';
import { tablePath } from '../tables/path.ts';
import { walkLog } from '../walk.ts';
import { day } from './retire.ts';

/** What keeping will take, if days go on like those that are here. Sizes in bytes. */
export interface Projection {
  /** Between the first record that is here and the last, at least one hour. */
  readonly days: number;
  readonly records: number;
  readonly perDay: number;
  /** The log when it holds all that is not retired. */
  readonly hot: number;
  /** A table's size by its segment's; absent where there is no table to measure. */
  readonly ratio?: number;
}

export async function projectCost(folder: string, hotDays: number): Promise<Projection> {
  let [first, last, records] = [Number.POSITIVE_INFINITY, 0, 0];
  await walkLog(folder, (entries) => {
    for (const entry of entries) {
      if (entry.kind !== 'record') continue;
      first = Math.min(first, entry.receivedAt);
      last = Math.max(last, entry.receivedAt);
      records += 1;
    }
  });
  let [bytes, measured, tables] = [0, 0, 0];
  for (const { path } of await listSegments(folder)) {
    const { size } = await stat(path);
    bytes += size;
    const table = await stat(tablePath(path)).catch(() => undefined);
    if (table === undefined) continue;
    measured += size;
    tables += table.size;
  }
  const days = Math.max(1 / 24, (last - first) / day);
  const perDay = records === 0 ? 0 : bytes / days;
  return {
    days: records === 0 ? 0 : days,
    records,
    perDay,
    hot: perDay * hotDays,
    ...(measured === 0 ? {} : { ratio: tables / measured }),
  };
}
