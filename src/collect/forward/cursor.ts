import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../folder.ts';

/** How far the log has been forwarded: the last line that was taken, or is none to forward. */
export interface Cursor {
  readonly format: 1;
  readonly segment: number;
  /** Counted from 1; 0 before the segment's header. */
  readonly line: number;
  /** Chain value of that line: another one there is another log. */
  readonly chain: string;
}

const pathIn = (folder: string): string => join(folder, 'forward.json');

/** Absent where nothing was forwarded yet, or the file is damaged: then all of the log is forwarded once more. */
export async function loadCursor(folder: string): Promise<Cursor | undefined> {
  try {
    const cursor = JSON.parse(await readFile(pathIn(folder), 'utf8')) as Cursor | null;
    return cursor?.format === 1 && Number.isSafeInteger(cursor.segment + cursor.line) ? cursor : undefined;
  } catch {
    return undefined;
  }
}

/** Not synced: after a power cut a little is forwarded twice, and record ids tell. */
export const saveCursor = (folder: string, cursor: Cursor): Promise<void> =>
  replaceFile(pathIn(folder), `${JSON.stringify(cursor)}\n`);
