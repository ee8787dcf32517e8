import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { SondeError } from '../shared/errors.ts';
import type { Checkpoint, LogPlace } from './checkpoint.ts';
import { Erasures } from './erasures.ts';
import { listSegments, loadHead, type SegmentFile, segmentName } from './folder.ts';
import { type Head, isSigned, readHead } from './head.ts';
import { type Fault, HeadCheck, type Place } from './head-check.ts';
import { readPublicKey } from './keys.ts';
import {
  type Entry,
  genesis,
  type Header,
  hashEntry,
  nextChain,
  readEntry,
  readHeader,
  readLine,
  segmentFormat,
  type Tombstone,
} from './line.ts';
import { loadRetired, type Retired } from './retire/retired.ts';
import { TombCheck } from './tomb-check.ts';

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
  /** Lines of the last segment that belong to stored chunks, its header among them. */
  readonly lines: number;
  readonly chunks: number;
  readonly records: number;
  /** Records of which only a tombstone was found; `records` counts them too. */
  readonly erased: number;
  readonly erasures: Erasures;
  /** Absent where the log is here from its beginning on. */
  readonly retired?: Retired;
  /** Format of the last segment. */
  readonly format: number;
  /** Records the log should hold: more than `records` where its end was lost. */
  readonly due: number;
  readonly tail?: Tail;
  readonly head?: Head;
}

export interface WalkOptions {
  /** A head kept elsewhere, to be held against the log too. */
  readonly saved?: Head | undefined;
  /** Begins there instead of at the first line; what stands before is taken for granted. */
  readonly from?: Checkpoint | undefined;
  /** Awaited every few hundred lines, so that others get their turn. */
  readonly pause?: () => Promise<void>;
}

const newline = 10;
const linesAtOnce = 200;

/** Text and end offset (bytes, behind the newline) of every terminated line. */
function* linesOf(bytes: Buffer): Generator<{ text: string; end: number }> {
  let start = 0;
  for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
    yield { text: bytes.toString('utf8', start, end), end: end + 1 };
    start = end + 1;
  }
}

/**
 * Reads the whole log in order, checks every hash, every link of the chain and every signed head, and hands
 * over each chunk's records and their segment once the chunk is known to be stored. Behind a fault it goes on from
 * what it finds, so that one changed line is one fault, not a fault for each line after it. With each chunk it tells
 * how many records stand in the log up to there, erased ones among them.
 */
export async function walkLog(
  folder: string,
  onStored: (entries: readonly Entry[], records: number, segment: number) => void | Promise<void>,
  { saved, from, pause }: WalkOptions = {},
): Promise<Walk> {
  const faults: Fault[] = [];
  const key = await readPublicKey(folder);
  const retired = key && (await loadRetired(folder, key));
  const head = await loadHead(folder);
  const headCheck = head === undefined ? undefined : new HeadCheck(head, 'head.json', key);
  const isGone = saved !== undefined && saved.segment < (retired?.base.place.segment ?? 0);
  const savedCheck = saved === undefined || isGone ? undefined : new HeadCheck(saved, 'the saved head', key);
  const begin = from ?? retired?.base;
  const start = begin?.place;
  const segments = (await listSegments(folder)).filter(({ number }) => number >= (start?.segment ?? 0));
  const total = { chunks: start?.chunks ?? 0, records: start?.records ?? 0, erased: 0 };
  const erasures = new Erasures();
  for (const notice of begin?.notices ?? []) erasures.see(notice);
  const tombs = new TombCheck(erasures, new Map(from === undefined ? retired?.graves : []));
  let chain = start?.chain ?? genesis;
  let lines = 0;
  let format = segmentFormat;
  if (start !== undefined)
    for (const check of [headCheck, savedCheck])
      check?.see({ segment: segmentName(start.segment), line: start.lines, chain, records: start.records });
  let tail: Tail | undefined;
  for (const [index, file] of segments.entries()) {
    const before = segments[index - 1]?.number ?? (start?.segment ?? 1) - 1;
    if (file.number !== before + 1)
      faults.push({ segment: basename(file.path), what: `segment ${before + 1} before it is missing` });
    const part = { chain, key, faults, pause, begin: index === 0 ? start : undefined };
    const found = await walkSegment(file, part, async ({ entries, tombstones }, end) => {
      for (const tombstone of tombstones) tombs.see(tombstone, { segment: basename(file.path), ...end });
      for (const entry of entries) erasures.see(entry);
      const isRecord = ({ kind }: { readonly kind: string }) => kind === 'record';
      const erased = tombstones.filter(isRecord).length;
      total.erased += erased;
      total.records += erased + entries.filter(isRecord).length;
      if ([...entries, ...tombstones].some(({ kind }) => kind === 'chunk')) total.chunks += 1;
      await onStored(entries, total.records, file.number);
      const place: Place = { segment: basename(file.path), ...end, records: total.records };
      headCheck?.see(place);
      savedCheck?.see(place);
    });
    chain = found.chain;
    lines = found.lines;
    format = found.format ?? format;
    if (found.torn === 0) continue;
    if (index === segments.length - 1) tail = { path: file.path, keep: found.keep, torn: found.torn };
    else
      faults.push({
        segment: basename(file.path),
        what: `${found.torn} bytes at its end belong to no stored chunk`,
      });
  }
  faults.push(...tombs.faults());
  for (const check of [headCheck, savedCheck]) if (check?.fault !== undefined) faults.push(check.fault);
  const isKnown = retired?.segments.some(({ head: { chain } }) => chain === saved?.chain);
  if (saved !== undefined && isGone && isKnown !== true)
    faults.push({
      segment: segmentName(saved.segment),
      what: 'the saved head: it was signed within a retired segment, so it cannot be checked here; sonde store fetch gets that segment',
    });
  return {
    faults,
    segment: segments.at(-1)?.number ?? 0,
    chain: headCheck?.isMissed === true ? (head?.chain ?? chain) : chain,
    ...total,
    lines,
    format,
    erasures,
    due: headCheck?.due ?? total.records,
    ...(retired === undefined ? {} : { retired }),
    ...(tail === undefined ? {} : { tail }),
    ...(head === undefined ? {} : { head }),
  };
}

/** What is wrong with a segment's first line. @throws SondeError `version_mismatch` for a format to come */
function headerFault(
  header: Header | undefined,
  chain: string,
  key: KeyObject | undefined,
): string | undefined {
  if (header === undefined) return 'its header is not one';
  if (header.format > segmentFormat)
    throw new SondeError(
      'version_mismatch',
      `Segment ${header.segment} has format ${header.format}; this Sonde reads formats up to ${segmentFormat}.`,
      'Use the Sonde that wrote it, or a newer one.',
    );
  if (header.previous !== chain) return 'it does not continue where the segment before it ends';
  if (header.segment === 1) return undefined;
  const head = readHead(header.head);
  return head !== undefined && head.chain === chain && key !== undefined && isSigned(head, key)
    ? undefined
    : 'the end of the segment before it is not signed by the key of this log';
}

/** Records and the chunk that closes them, or a notice; what was erased of it stands apart. */
interface Group {
  readonly entries: readonly Entry[];
  readonly tombstones: readonly Tombstone[];
}

/** What is known before a segment is read. */
interface Part {
  readonly chain: string;
  readonly key: KeyObject | undefined;
  readonly faults: Fault[];
  readonly pause: (() => Promise<void>) | undefined;
  /** Its lines up to there were read before. */
  readonly begin: LogPlace | undefined;
}

async function walkSegment(
  file: SegmentFile,
  { chain: chainBefore, key, faults, pause, begin }: Part,
  onGroup: (group: Group, end: Pick<Place, 'line' | 'chain'>) => Promise<void>,
): Promise<{ chain: string; keep: number; torn: number; lines: number; format: number | undefined }> {
  const skipped = begin?.bytes ?? 0;
  const bytes = (await readFile(file.path)).subarray(skipped);
  const fault = (line: number, what: string) => faults.push({ segment: basename(file.path), line, what });
  let chain = chainBefore;
  let stored = chainBefore;
  let keep = 0;
  let number = begin?.lines ?? 0;
  let format: number | undefined;
  let lines = number;
  let open: { entries: Entry[]; tombstones: Tombstone[] } = { entries: [], tombstones: [] };
  for (const { text, end } of linesOf(bytes)) {
    number += 1;
    if (number % linesAtOnce === 0) await pause?.();
    if (number === 1) {
      const header = readHeader(text);
      const what = headerFault(header, chain, key);
      if (what !== undefined) fault(1, what);
      format = header?.format;
      chain = header?.previous ?? chain;
      stored = chain;
      keep = end;
      lines = number;
      continue;
    }
    const line = readLine(text);
    const entry = line?.json === undefined ? undefined : readEntry(line.json);
    const tombstone = line?.json === undefined ? line?.tombstone : undefined;
    const kind = entry?.kind ?? tombstone?.kind;
    if (line === undefined || kind === undefined) {
      fault(number, 'it is not a line of this log');
      continue;
    }
    if (line.json !== undefined && hashEntry(line.json) !== line.hash) fault(number, 'its entry was changed');
    else if (nextChain(chain, line.hash) !== line.chain)
      fault(number, 'it does not follow the line before it: a line was removed, added or moved');
    chain = line.chain;
    if (entry !== undefined) open.entries.push(entry);
    if (tombstone !== undefined) open.tombstones.push(tombstone);
    if (kind === 'record') continue;
    await onGroup(open, { line: number, chain });
    open = { entries: [], tombstones: [] };
    stored = chain;
    keep = end;
    lines = number;
  }
  return { chain: stored, keep: skipped + keep, torn: bytes.length - keep, lines, format };
}
