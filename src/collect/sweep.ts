import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Erasures, subjectOf, subjectsIn } from './erasures.ts';
import { type SegmentFile, syncFolder } from './folder.ts';
import { isRecordKind, readEntry, readLine, writeTombstone } from './line.ts';
import { tablePath } from './tables/path.ts';

/** Of one session: tombstones there are now, and records that a hold keeps. */
export interface Swept {
  records: number;
  waiting: number;
}

const draftEnd = '.erasing';

/** What a kill in the middle of a sweep leaves: the segment itself is whole, as it was or as it should be. */
export async function removeDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (name.endsWith(draftEnd)) await rm(join(folder, name));
}

/** One line as it is to stand from now on. */
export function swept(text: string, erasures: Erasures, counts: ReadonlyMap<string, Swept>): string {
  const line = readLine(text);
  if (line === undefined) return `${text}\n`;
  if (line.json === undefined) {
    const count = counts.get(line.tombstone.subject);
    if (count !== undefined && isRecordKind(line.tombstone.kind)) count.records += 1;
    return `${text}\n`;
  }
  const entry = readEntry(line.json);
  if (entry === undefined || !('session' in entry || entry.kind === 'foreign')) return `${text}\n`;
  const named = entry.kind === 'foreign' ? subjectsIn(entry) : [subjectOf(entry.session)];
  const subject = named.find((each) => counts.has(each));
  const count = subject === undefined ? undefined : counts.get(subject);
  if (subject === undefined || count === undefined) return `${text}\n`;
  if (erasures.heldBy(entry.receivedAt) !== undefined) {
    if (isRecordKind(entry.kind)) count.waiting += 1;
    return `${text}\n`;
  }
  if (isRecordKind(entry.kind)) count.records += 1;
  return writeTombstone(line.chain, line.hash, { kind: entry.kind, subject });
}

/**
 * Puts tombstones over what the sessions `subjects` left in closed segments. Each segment is written anew
 * beside itself, synced and renamed: killed at any point it is the old one or the new one, and a second sweep
 * goes on where the first was cut off.
 * @param retired tombstones over records of each session that are not here any more
 */
export async function sweep(
  folder: string,
  segments: readonly SegmentFile[],
  subjects: readonly string[],
  erasures: Erasures,
  retired: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, Swept>> {
  const counts = new Map(
    subjects.map((subject): [string, Swept] => [subject, { records: retired.get(subject) ?? 0, waiting: 0 }]),
  );
  for (const { path } of segments) {
    const before = await readFile(path, 'utf8');
    let after = '';
    for (const text of before.split('\n').slice(0, -1)) after += swept(text, erasures, counts);
    if (after === before) continue;
    const draft = `${path}${draftEnd}`;
    const file = await open(draft, 'w');
    try {
      await file.writeFile(after);
      await file.sync();
    } finally {
      await file.close();
    }
    // Its table holds what is erased, and can be made again.
    await rm(tablePath(path), { force: true });
    await rename(draft, path);
  }
  await syncFolder(folder);
  return counts;
}
