import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Checkpoint } from '../checkpoint.ts';
import type { Head } from '../head.ts';
import { loadSigned, saveSigned } from '../signed-file.ts';

/** A segment that is in cold storage alone, as a table. */
export interface RetiredSegment {
  readonly segment: number;
  readonly records: number;
  /** Of its oldest entry, epoch ms; absent from what was retired before it was kept. */
  readonly from?: number;
  /** Of its newest entry, epoch ms. */
  readonly to: number;
  /** Of its table. */
  readonly bytes: number;
  readonly sha256: string;
  /** Its signed end. */
  readonly head: Head;
}

/** What is left here of segments that were retired: with it the rest of the log verifies. */
export interface Retired {
  readonly format: 1;
  /** Where the log that is here begins, and what a collector would know there. */
  readonly base: Checkpoint;
  /** Records of each erased session that had a tombstone when their segment was retired. */
  readonly graves: readonly [subject: string, records: number][];
  readonly segments: readonly RetiredSegment[];
  /** Sessions of which nothing is left in cold storage. */
  readonly erased: readonly string[];
}

const pathIn = (folder: string): string => join(folder, 'retired.json');

export const saveRetired = (folder: string, retired: Retired, key: KeyObject): Promise<void> =>
  saveSigned(pathIn(folder), 'retired', retired, key);

export async function loadRetired(folder: string, publicKey: KeyObject): Promise<Retired | undefined> {
  const retired = (await loadSigned(pathIn(folder), 'retired', publicKey)) as Retired | undefined;
  return retired?.format === 1 ? retired : undefined;
}

/** Epoch ms, `to` exclusive. */
export interface Time {
  readonly from: number;
  readonly to: number;
}
export const always: Time = { from: 0, to: Number.MAX_SAFE_INTEGER };

/** Retired segments with records that may be of this time. */
export const touched = (retired: Retired | undefined, asked: Time): readonly RetiredSegment[] =>
  (retired?.segments ?? []).filter(
    ({ from = 0, to, records }) => records > 0 && to >= asked.from && from < asked.to,
  );

/**
 * What of a time is in cold storage alone, so that an answer from what is here can say so: whole segments that touch it,
 * with all their records. Times in epoch ms, `to` exclusive in the question and inclusive in the answer.
 */
export function coldPart(
  retired: Retired | undefined,
  asked: Time,
): { readonly cold?: { readonly from: number; readonly to: number; readonly records: number } } {
  const found = touched(retired, asked);
  if (found.length === 0) return {};
  return {
    cold: {
      from: Math.max(asked.from, Math.min(...found.map(({ from = 0 }) => from))),
      to: Math.min(asked.to, Math.max(...found.map(({ to }) => to))),
      records: found.reduce((sum, { records }) => sum + records, 0),
    },
  };
}
