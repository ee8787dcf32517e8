import { open, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Head, readHead } from './head.ts';

/** The data folder: `segment-00000001.ndjson` and on, `head.json`, and the key pair of its signature. */
export const segmentName = (number: number): string => `segment-${String(number).padStart(8, '0')}.ndjson`;

export interface SegmentFile {
  readonly number: number;
  readonly path: string;
}

export async function listSegments(folder: string): Promise<readonly SegmentFile[]> {
  const found: SegmentFile[] = [];
  for (const name of await readdir(folder)) {
    const number = /^segment-(\d{8})\.ndjson$/.exec(name)?.[1];
    if (number !== undefined) found.push({ number: Number(number), path: join(folder, name) });
  }
  return found.sort((a, b) => a.number - b.number);
}

/** Where the log ended when this was written, at most a second ago: without it a cut-off end goes unseen. */
const headPath = (folder: string): string => join(folder, 'head.json');

export async function loadHead(folder: string): Promise<Head | undefined> {
  try {
    return readHead(JSON.parse(await readFile(headPath(folder), 'utf8')));
  } catch {
    return undefined;
  }
}

export const saveHead = (folder: string, head: Head): Promise<void> =>
  replaceFile(headPath(folder), `${JSON.stringify(head)}\n`);

/** A reader finds the old text or the new one, never part of it. @param mode of a file that is new */
export async function replaceFile(path: string, text: string, mode?: number): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, text, { mode });
  await rename(draft, path);
}

async function sync(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const syncFile = (path: string): Promise<void> => sync(path, 'r+');

/** Makes a new file's name survive a power cut: its folder is synced too. */
export const syncFolder = (folder: string): Promise<void> => sync(folder, 'r');
