import { copyFile, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { listSegments } from './folder.ts';

/** What a data folder has besides segments and what is derived from them, in the order of copying. */
const files = ['head.json', 'retired.json', 'signing.key', 'signing.pub', 'tokens.json'];

const statOf = (path: string) => stat(path).catch(() => undefined);

/** @returns whether it was copied; a file of the same size and time is there already */
async function copy(from: string, to: string): Promise<boolean> {
  const [source, kept] = [await stat(from), await statOf(to)];
  if (kept?.size === source.size && Math.abs(kept.mtimeMs - source.mtimeMs) < 1) return false;
  await copyFile(from, to);
  await utimes(to, source.atime, source.mtime);
  return true;
}

/**
 * Copies a log, also one that a collector writes to. The head goes first, so that the copy has whatever its head was
 * signed over; what an erasure changed is copied again, and what was retired is taken away.
 * @returns how many segments were copied
 */
export async function copyLog(from: string, to: string): Promise<number> {
  await mkdir(to, { recursive: true });
  for (const name of files)
    if ((await statOf(join(from, name))) !== undefined) await copy(join(from, name), join(to, name));
  let copied = 0;
  const names = (await listSegments(from)).map(({ path }) => path.slice(from.length + 1));
  for (const name of names) if (await copy(join(from, name), join(to, name))) copied += 1;
  const here = new Set(names);
  for (const name of await readdir(to))
    if (/^segment-\d{8}\.ndjson$/.test(name) && !here.has(name)) await rm(join(to, name));
  return copied;
}
