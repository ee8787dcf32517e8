import { createPublicKey, type KeyObject } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { type Checkpoint, type Keeper, loadCheckpoint } from './checkpoint.ts';
import { listSegments } from './folder.ts';
import type { Entry } from './line.ts';
import { type Parts, partPath } from './parts.ts';
import { loadRetired } from './retire/retired.ts';
import { tablePath } from './tables/path.ts';
import { type Walk, walkLog } from './walk.ts';

/** What a log had in it when it was opened. */
export interface Opened {
  readonly walk: Walk;
  /** Where reading began, if not at the first line. */
  readonly checkpoint: Checkpoint | undefined;
  /** The keeper knows of each segment by itself: of those before the checkpoint too. */
  readonly hasParts: boolean;
}

/** Behind the last checkpoint, if that much is in order; else all of it. */
export async function readLog(
  folder: string,
  key: KeyObject,
  onStored: (entries: readonly Entry[], segment: number) => void,
  keeper: Keeper | undefined,
  parts: Parts | undefined,
): Promise<Opened> {
  const read = (entries: readonly Entry[], _records: number, segment: number): void =>
    onStored(entries, segment);
  const checkpoint = keeper && (await loadCheckpoint(folder, createPublicKey(key)));
  if (checkpoint !== undefined) {
    keeper?.restore(checkpoint.state);
    const hasParts = (await parts?.restore(checkpoint.place)) === true;
    const walk = await walkLog(folder, read, { from: checkpoint });
    if (walk.faults.length === 0) return { walk, checkpoint, hasParts };
  }
  parts?.complete();
  keeper?.restore((await loadRetired(folder, createPublicKey(key)))?.base.state);
  return { walk: await walkLog(folder, read), checkpoint: undefined, hasParts: true };
}

/** Segments that are in cold storage: they go, and what a kill left of them goes at the next start. */
export async function removeRetired(folder: string, key: KeyObject): Promise<void> {
  const first = (await loadRetired(folder, key))?.base.place.segment ?? 0;
  for (const { number, path } of await listSegments(folder)) {
    if (number >= first) continue;
    await rm(tablePath(path), { force: true });
    await rm(partPath(folder, number), { force: true });
    await rm(path);
  }
}

/** Of all segments, in bytes. */
export async function sizeOf(folder: string): Promise<number> {
  const sizes = (await listSegments(folder)).map(async ({ path }) => (await stat(path)).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
