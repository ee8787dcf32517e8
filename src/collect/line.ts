import { hash } from 'node:crypto';
import type { ChunkIdentity } from '../schema/fields.ts';
import type { RequestRecord, ServiceIdentity } from '../schema/record.ts';
import type { Head } from './head.ts';

/** One record as it is kept, under its own `seq`. A `ChunkEntry` behind its last record closes what came with it. */
export interface RecordEntry extends ChunkIdentity {
  readonly kind: 'record';
  /** Epoch ms by the collector's clock. */
  readonly receivedAt: number;
  readonly service: ServiceIdentity;
  readonly record: RequestRecord;
}

/**
 * The numbers `seq` ... `seq + count - 1` are settled when this line is on disk: records that no such line
 * follows were never acknowledged.
 */
export interface ChunkEntry extends ChunkIdentity {
  readonly kind: 'chunk';
  readonly receivedAt: number;
  readonly count: number;
  /** How many of them stand before this line; the others were refused. */
  readonly records: number;
  readonly rejected: Readonly<Record<string, number>>;
}

export type Entry = RecordEntry | ChunkEntry;

/** An entry as it is written: what is hashed is this text, letter by letter. */
export interface EntryText {
  readonly kind: Entry['kind'];
  readonly json: string;
}

export const textOf = (entry: Entry): EntryText => ({ kind: entry.kind, json: JSON.stringify(entry) });

/** `textOf` a record whose parts are JSON already. */
export const recordText = (
  { session, epoch, seq }: ChunkIdentity,
  receivedAt: number,
  service: string,
  record: string,
): EntryText => ({
  kind: 'record',
  json: `{"kind":"record","session":"${session}","epoch":${epoch},"seq":${seq},"receivedAt":${receivedAt},"service":${service},"record":${record}}`,
});

/** First line of every segment. */
export interface Header {
  readonly format: 1;
  readonly segment: number;
  /** Chain value of the last line before this segment. */
  readonly previous: string;
  /** The signed end of the segment before; the first segment has none. */
  readonly head?: Head;
}

/** Chain value before the first line of the first segment. */
export const genesis = '0'.repeat(64);

const sha256 = (text: string): string => hash('sha256', text);

export const hashEntry = (json: string): string => sha256(json);
/** Every line fixes all lines before it: chain(n) = SHA-256(chain(n-1) + hash(n)), in hex. */
export const nextChain = (chain: string, hash: string): string => sha256(chain + hash);

export const writeLine = (chain: string, hash: string, json: string): string =>
  `{"chain":"${chain}","hash":"${hash}","entry":${json}}\n`;

export interface Line {
  readonly chain: string;
  readonly hash: string;
  /** The entry's bytes as they were hashed: JSON may be written in many ways, a hash covers one. */
  readonly json: string;
}

export function readLine(text: string): Line | undefined {
  const found = /^\{"chain":"([0-9a-f]{64})","hash":"([0-9a-f]{64})","entry":(\{.*\})\}$/.exec(text);
  if (found === null) return undefined;
  const [, chain = '', hash = '', json = ''] = found;
  return { chain, hash, json };
}

export function readEntry(json: string): Entry | undefined {
  try {
    const entry: unknown = JSON.parse(json);
    if (typeof entry !== 'object' || entry === null || !('kind' in entry)) return undefined;
    return entry.kind === 'record' || entry.kind === 'chunk' ? (entry as Entry) : undefined;
  } catch {
    return undefined;
  }
}

export function readHeader(text: string): Header | undefined {
  try {
    const header = JSON.parse(text) as Partial<Header> | null;
    if (header?.format !== 1 || !Number.isSafeInteger(header.segment)) return undefined;
    return typeof header.previous === 'string' ? (header as Header) : undefined;
  } catch {
    return undefined;
  }
}
