import { open, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The data folder: `segment-00000001.ndjson` and on, and `head.json`. */
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
export interface Head {
  readonly format: 1;
  readonly segment: number;
  readonly chain: string;
}

const headPath = (folder: string): string => join(folder, 'head.json');

export async function readHead(folder: string): Promise<Head | undefined> {
  try {
    const head = JSON.parse(await readFile(headPath(folder), 'utf8')) as Partial<Head> | null;
    return typeof head?.chain === 'string' && head.format === 1 ? (head as Head) : undefined;
  } catch {
    return undefined;
  }
}

export async function writeHead(folder: string, head: Head): Promise<void> {
  const draft = `${headPath(folder)}.new`;
  await writeFile(draft, `${JSON.stringify(head)}\n`);
  await rename(draft, headPath(folder));
}

/** Makes a new file's name survive a power cut: its folder is synced too. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
