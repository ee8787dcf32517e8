import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Head, listSegments, readHead, type SegmentFile } from './folder.ts';
import { type Entry, genesis, hashEntry, nextChain, readEntry, readHeader, readLine } from './line.ts';

/** Something in the log that is not as it was written, and where. */
export interface Fault {
  readonly segment: string;
  /** Counted from 1, as an editor does; the header is line 1. Absent where a whole file is meant. */
  readonly line?: number;
  readonly what: string;
}

/** The part of the last segment behind its last stored chunk: what a crash leaves, never acknowledged. */
export interface Tail {
  readonly path: string;
  /** Bytes of the segment up to the last stored chunk. */
  readonly keep: number;
  readonly torn: number;
}

export interface Walk {
  readonly faults: readonly Fault[];
  /** Number of the last segment, 0 for an empty folder. */
  readonly segment: number;
  /** Chain value behind the last stored chunk. */
  readonly chain: string;
  readonly chunks: number;
  readonly records: number;
  readonly tail?: Tail;
  readonly head?: Head;
}

const newline = 10;

/** Text and end offset (bytes, behind the newline) of every terminated line. */
function* linesOf(bytes: Buffer): Generator<{ text: string; end: number }> {
  let start = 0;
  for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
    yield { text: bytes.toString('utf8', start, end), end: end + 1 };
    start = end + 1;
  }
}

/**
 * Reads the whole log in order, checks every hash and every link of the chain, and hands over each chunk's
 * records once the chunk is known to be stored. Behind a fault it goes on from what it finds, so that one
 * changed line is one fault, not a fault for each line after it.
 */
export async function walkLog(
  folder: string,
  onStored: (entries: readonly Entry[]) => void | Promise<void>,
): Promise<Walk> {
  const faults: Fault[] = [];
  const head = await readHead(folder);
  const segments = await listSegments(folder);
  const total = { chunks: 0, records: 0 };
  let chain = genesis;
  let headSeen = head === undefined || head.chain === genesis;
  let tail: Tail | undefined;
  for (const [index, file] of segments.entries()) {
    const before = segments[index - 1]?.number ?? 0;
    if (file.number !== before + 1)
      faults.push({ segment: basename(file.path), what: `segment ${before + 1} before it is missing` });
    const found = await walkSegment(file, chain, faults, async (entries, chainAfter) => {
      await onStored(entries);
      total.chunks += 1;
      total.records += entries.length - 1;
      headSeen ||= chainAfter === head?.chain;
    });
    chain = found.chain;
    if (found.torn === 0) continue;
    if (index === segments.length - 1) tail = { path: file.path, keep: found.keep, torn: found.torn };
    else
      faults.push({
        segment: basename(file.path),
        what: `${found.torn} bytes at its end belong to no stored chunk`,
      });
  }
  const last = segments.at(-1);
  if (!headSeen)
    faults.push({
      segment: last === undefined ? folder : basename(last.path),
      what: 'the log does not reach the head in head.json: records at its end were removed or rewritten',
    });
  return {
    faults,
    segment: last?.number ?? 0,
    chain: headSeen ? chain : (head?.chain ?? chain),
    ...total,
    ...(tail === undefined ? {} : { tail }),
    ...(head === undefined ? {} : { head }),
  };
}

async function walkSegment(
  file: SegmentFile,
  chainBefore: string,
  faults: Fault[],
  onChunk: (entries: readonly Entry[], chain: string) => Promise<void>,
): Promise<{ chain: string; keep: number; torn: number }> {
  const bytes = await readFile(file.path);
  const fault = (line: number, what: string) => faults.push({ segment: basename(file.path), line, what });
  let chain = chainBefore;
  let stored = chainBefore;
  let keep = 0;
  let number = 0;
  let open: Entry[] = [];
  for (const { text, end } of linesOf(bytes)) {
    number += 1;
    if (number === 1) {
      const header = readHeader(text);
      if (header === undefined) fault(1, 'the header is not one of format 1');
      else if (header.previous !== chain) fault(1, 'it does not continue where the segment before it ends');
      chain = header?.previous ?? chain;
      stored = chain;
      keep = end;
      continue;
    }
    const line = readLine(text);
    const entry = line === undefined ? undefined : readEntry(line.json);
    if (line === undefined || entry === undefined) {
      fault(number, 'it is not a line of this log');
      continue;
    }
    if (hashEntry(line.json) !== line.hash) fault(number, 'its entry was changed');
    else if (nextChain(chain, line.hash) !== line.chain)
      fault(number, 'it does not follow the line before it: a line was removed, added or moved');
    chain = line.chain;
    open.push(entry);
    if (entry.kind === 'record') continue;
    await onChunk(open, chain);
    open = [];
    stored = chain;
    keep = end;
  }
  return { chain: stored, keep, torn: bytes.length - keep };
}
