import type { KeyObject } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { segmentName } from './folder.ts';
import { type Entry, readHeader, readLine } from './line.ts';
import { loadSigned, saveSigned } from './signed-file.ts';

/** Where a chunk ends in the log, and what was counted up to there. */
export interface LogPlace {
  readonly segment: number;
  /** Bytes of that segment up to here, and its lines. */
  readonly bytes: number;
  readonly lines: number;
  readonly chain: string;
  readonly records: number;
  readonly chunks: number;
}

/** What a collector would know if it had read the log up to `place`; it may know of later chunks too. */
export interface Checkpoint {
  readonly format: 1;
  readonly place: LogPlace;
  /** Erasures and holds so far. */
  readonly notices: readonly Entry[];
  /** Of whoever reads the entries: which records are there, and the like. */
  readonly state: unknown;
}

/** A reader of the log whose knowledge can be kept. Seeing an entry twice must change nothing. */
export interface Keeper {
  snapshot(): unknown;
  /** @param state a snapshot; `undefined` to forget everything */
  restore(state: unknown): void;
  /** What it knows by the records of one segment; seeing those twice would count them twice. */
  part(segment: number): unknown;
  restorePart(segment: number, part: unknown): void;
}

const pathIn = (folder: string): string => join(folder, 'checkpoint.json');

export const saveCheckpoint = (folder: string, checkpoint: Checkpoint, key: KeyObject): Promise<void> =>
  saveSigned(pathIn(folder), 'checkpoint', checkpoint, key);

/** The chain value that the log really has at a place; absent where it has no line that ends there. */
async function chainAt(folder: string, { segment, bytes }: LogPlace): Promise<string | undefined> {
  const file = await open(join(folder, segmentName(segment)));
  try {
    const window = Math.min(bytes, 64 * 1024);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(window), 0, window, bytes - window);
    const text = buffer.toString('utf8', 0, bytesRead);
    if (bytesRead < window || !text.endsWith('\n')) return undefined;
    const last = text.slice(text.lastIndexOf('\n', text.length - 2) + 1, -1);
    return readLine(last)?.chain ?? readHeader(last)?.previous;
  } finally {
    await file.close();
  }
}

/** The checkpoint, if this log's key signed it and the log has the line that it was made at. */
export async function loadCheckpoint(folder: string, publicKey: KeyObject): Promise<Checkpoint | undefined> {
  const checkpoint = (await loadSigned(pathIn(folder), 'checkpoint', publicKey)) as Checkpoint | undefined;
  if (checkpoint?.format !== 1) return undefined;
  try {
    return (await chainAt(folder, checkpoint.place)) === checkpoint.place.chain ? checkpoint : undefined;
  } catch {
    // Its segment is not there: the log is read from its beginning.
    return undefined;
  }
}
