import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { listSegments, segmentName } from '../folder.ts';
import { type Entry, readEntry, readHeader, readLine } from '../line.ts';
import type { Cursor } from './cursor.ts';

/** Where the log ends on disk. */
export interface End {
  readonly segment: number;
  readonly bytes: number;
}

/** Entries in the order of the log, erased ones left out, and the cursor behind them. */
export interface Part {
  readonly entries: readonly Entry[];
  readonly cursor: Cursor;
}

const newline = 10;
const windowBytes = 256 * 1024;

/** Reads a log behind a cursor, while it is written to and erased from. An erasure changes bytes and no line numbers. */
export class LogReader {
  readonly #folder: string;
  #cursor: Cursor | undefined;
  /** Where the cursor's line ends, in the file with this inode. */
  #at: { readonly inode: number; readonly bytes: number } | undefined;

  constructor(folder: string, cursor: Cursor | undefined) {
    this.#folder = folder;
    this.#cursor = cursor;
  }

  /** Of the segment that is read; 0 before the first. */
  get segment(): number {
    return this.#cursor?.segment ?? 0;
  }

  /** What comes next, some 256 KiB of it; absent where nothing does. */
  async next(end: End): Promise<Part | undefined> {
    const segments = await listSegments(this.#folder);
    const first = segments.find(({ number }) => number >= this.segment);
    // Put back from a backup, the log may be shorter than it was: all of it goes once more.
    if (first === undefined || this.segment > end.segment) this.#begin(segments[0]?.number);
    else if (first.number !== this.segment) this.#begin(first.number);
    if (this.#cursor === undefined) return undefined;
    const part = await this.#read(this.#cursor, end);
    if (part !== undefined) return part;
    const following = segments.find(({ number }) => number > this.segment && number <= end.segment);
    if (following === undefined) return undefined;
    this.#begin(following.number);
    return this.#read(this.#cursor, end);
  }

  #begin(segment: number | undefined): void {
    this.#at = undefined;
    this.#cursor = segment === undefined ? undefined : { format: 1, segment, line: 0, chain: '' };
  }

  async #read(cursor: Cursor, end: End): Promise<Part | undefined> {
    const file = await open(join(this.#folder, segmentName(cursor.segment)));
    try {
      const { size, ino } = await file.stat();
      // Behind the end bytes may stand of a write that failed.
      const limit = cursor.segment === end.segment ? Math.min(size, end.bytes) : size;
      if (this.#at?.inode !== ino) this.#at = { inode: ino, bytes: await offsetOf(file, cursor, limit) };
      if (this.#at.bytes === 0 && cursor.line > 0) this.#begin(cursor.segment);
      const from = this.#at?.bytes ?? 0;
      const bytes = await linesFrom(file, from, limit);
      if (bytes.length === 0) return undefined;
      const read = this.#parse(this.#cursor ?? cursor, bytes);
      this.#at = { inode: ino, bytes: from + bytes.length };
      this.#cursor = read.cursor;
      return read;
    } finally {
      await file.close();
    }
  }

  #parse(cursor: Cursor, bytes: Buffer): Part {
    let { line, chain } = cursor;
    const entries: Entry[] = [];
    for (const text of bytes.toString('utf8').trimEnd().split('\n')) {
      line += 1;
      const found = readLine(text);
      chain = found?.chain ?? readHeader(text)?.previous ?? chain;
      const entry = found?.json === undefined ? undefined : readEntry(found.json);
      if (entry !== undefined) entries.push(entry);
    }
    return { entries, cursor: { ...cursor, line, chain } };
  }
}

/** Whole lines from an offset on: about a window of them, and at least one if there is one. */
async function linesFrom(file: FileHandle, from: number, limit: number): Promise<Buffer> {
  for (let window = windowBytes; ; window *= 2) {
    const length = Math.min(window, limit - from);
    if (length <= 0) return Buffer.alloc(0);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
    const cut = buffer.subarray(0, bytesRead).lastIndexOf(newline) + 1;
    if (cut > 0 || from + window >= limit) return buffer.subarray(0, cut);
  }
}

/** Where the cursor's line ends in a file; 0 where the line there is another one. */
async function offsetOf(file: FileHandle, { line, chain }: Cursor, limit: number): Promise<number> {
  const { buffer } = await file.read(Buffer.alloc(limit), 0, limit, 0);
  let start = 0;
  let end = 0;
  for (let number = 0; number < line; number++) {
    start = end;
    end = buffer.indexOf(newline, start) + 1;
    if (end === 0) return 0;
  }
  const text = buffer.toString('utf8', start, Math.max(start, end - 1));
  return (readLine(text)?.chain ?? readHeader(text)?.previous) === chain ? end : 0;
}
