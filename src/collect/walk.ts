import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { SondeError } from '../shared/errors.ts';
import type { Checkpoint, LogPlace } from './checkpoint.ts';
import { Erasures } from './erasures.ts';
import { listSegments, loadHead, segmentName } from './folder.ts';
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
import { loadRetired, type Retired, type RetiredSegment } from './retire/retired.ts';
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
  /** Text of a retired segment, so that a saved head that was signed within one can be held against it. */
  readonly fetchRetired?: ((segment: RetiredSegment) => Promise<string>) | undefined;
  /** Begins there instead of at the first line; what stands before is taken for granted. */
  readonly from?: Checkpoint | undefined;
  /** Awaited every few hundred lines, so that others get their turn. */
  readonly pause?: () => Promise<void>;
}

const newline = 10;
const linesAtOnce = 50;

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
  { saved, fetchRetired, from, pause }: WalkOptions = {},
): Promise<Walk> {
  const faults: Fault[] = [];
  const key = await readPublicKey(folder);
  const retired = key && (await loadRetired(folder, key));
  const head = await loadHead(folder);
  const headCheck = head === undefined ? undefined : new HeadCheck(head, 'head.json', key);
  const savedCheck = saved === undefined ? undefined : new HeadCheck(saved, 'the saved head', key);
  const gone = await walkGone(saved, savedCheck, retired, { key, faults, pause, fetchRetired });
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
    const text = { name: basename(file.path), bytes: await readFile(file.path) };
    const found = await walkSegment(text, part, async (group, end) => {
      const { entries, tombstones } = group;
      for (const tombstone of tombstones) tombs.see(tombstone, { segment: text.name, ...end });
      for (const entry of entries) erasures.see(entry);
      total.erased += tombstones.filter(isRecord).length;
      total.records += recordsIn(group);
      if ([...entries, ...tombstones].some(({ kind }) => kind === 'chunk')) total.chunks += 1;
      await onStored(entries, total.records, file.number);
      const place: Place = { segment: text.name, ...end, records: total.records };
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
        segment: text.name,
        what: `${found.torn} bytes at its end belong to no stored chunk`,
      });
  }
  faults.push(...tombs.faults());
  for (const fault of [headCheck?.fault, gone ?? savedCheck?.fault])
    if (fault !== undefined) faults.push(fault);
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

/** What is known before any segment is read. */
interface Ground {
  readonly key: KeyObject | undefined;
  readonly faults: Fault[];
  readonly pause: (() => Promise<void>) | undefined;
}

/**
 * Shows a saved head the retired segment that it was signed in, where it was: its end is known here, of the rest the
 * text is needed. What keeps that from being done comes back.
 */
async function walkGone(
  saved: Head | undefined,
  check: HeadCheck | undefined,
  retired: Retired | undefined,
  { fetchRetired, ...ground }: Ground & Pick<WalkOptions, 'fetchRetired'>,
): Promise<Fault | undefined> {
  const segment = retired?.segments.find((each) => each.segment === saved?.segment);
  if (saved === undefined || segment === undefined) return undefined;
  const name = segmentName(segment.segment);
  const { chain, records: ends } = segment.head;
  if (chain === saved.chain) {
    check?.see({ segment: name, line: 1, chain, records: ends });
    return undefined;
  }
  if (fetchRetired === undefined)
    return {
      segment: name,
      what: 'the saved head: it was signed within a retired segment; name the cold storage with --cold to check it',
    };
  const before = retired?.segments.find((each) => each.segment === segment.segment - 1)?.head;
  let records = before?.records ?? 0;
  const text = { name, bytes: Buffer.from(await fetchRetired(segment)) };
  const part = { ...ground, chain: before?.chain ?? genesis, begin: undefined };
  await walkSegment(text, part, async (group, end) => {
    records += recordsIn(group);
    check?.see({ segment: name, ...end, records });
  });
  return undefined;
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

const isRecord = ({ kind }: { readonly kind: string }): boolean => kind === 'record';

/** How many records it has, erased ones among them. */
const recordsIn = ({ entries, tombstones }: Group): number =>
  entries.filter(isRecord).length + tombstones.filter(isRecord).length;

/** What is known before a segment is read. */
interface Part extends Ground {
  readonly chain: string;
  /** Its lines up to there were read before. */
  readonly begin: LogPlace | undefined;
}

async function walkSegment(
  { name, bytes: whole }: { readonly name: string; readonly bytes: Buffer },
  { chain: chainBefore, key, faults, pause, begin }: Part,
  onGroup: (group: Group, end: Pick<Place, 'line' | 'chain'>) => Promise<void>,
): Promise<{ chain: string; keep: number; torn: number; lines: number; format: number | undefined }> {
  const skipped = begin?.bytes ?? 0;
  const bytes = whole.subarray(skipped);
  const fault = (line: number, what: string) => faults.push({ segment: name, line, what });
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
