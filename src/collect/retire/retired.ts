import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Checkpoint } from '../checkpoint.ts';
import type { Head } from '../head.ts';
import { loadSigned, saveSigned } from '../signed-file.ts';

/** A segment that is in cold storage alone, as a table. */
export interface RetiredSegment {
  readonly segment: number;
  readonly records: number;
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
