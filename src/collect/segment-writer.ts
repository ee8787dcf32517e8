import type { KeyObject } from 'node:crypto';
import { type FileHandle, open, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogPlace } from './checkpoint.ts';
import { segmentName, syncFolder } from './folder.ts';
import { type Head, signHead } from './head.ts';
import { type Entry, type EntryBytes, type Header, linesOf, segmentFormat } from './line.ts';
import { sizeOf } from './reopen.ts';
import type { Walk } from './walk.ts';

/** Left on the disk: a segment is written beside itself when something of it is erased. */
const spareBytes = 128 * 1024 * 1024;

/** Entries that somebody sent, and may send again. */
const heavy: ReadonlySet<Entry['kind']> = new Set<Entry['kind']>(['record', 'metrics', 'foreign']);

export interface WriterLimits {
  /** A segment that has grown over this is closed. */
  readonly segmentBytes: number;
  /** All segments together may grow to this. */
  readonly maxBytes: number;
}

/** Writes entries behind each other into segments: each write is on disk when it resolves, or undone. */
export class SegmentWriter {
  readonly #folder: string;
  readonly #key: KeyObject;
  readonly #limits: WriterLimits;
  #segment: number;
  #chain: string;
  /** Records from the log's beginning on. */
  #records: number;
  #chunks: number;
  /** Of the open segment. */
  #lines: number;
  #file: FileHandle | undefined;
  #size = 0;
  /** The next write begins a new segment, however small this one is. */
  #isFull: boolean;
  /** Of all segments. */
  #bytes = 0;
  /** As the file system last said. */
  #free = Number.POSITIVE_INFINITY;
  /** Bytes behind `#size` belong to a write that failed. */
  #torn = false;

  readonly #onBegin: (place: LogPlace) => void;

  /**
   * @param walk that read what is there, down to its end
   * @param onBegin hears where a new segment's entries begin
   */
  constructor(
    folder: string,
    key: KeyObject,
    walk: Walk,
    limits: WriterLimits,
    onBegin: (place: LogPlace) => void,
  ) {
    this.#onBegin = onBegin;
    this.#folder = folder;
    this.#key = key;
    this.#limits = limits;
    // A tail without even a header is cut to nothing; its segment begins anew.
    this.#segment = walk.tail?.keep === 0 ? walk.segment - 1 : walk.segment;
    this.#chain = walk.chain;
    this.#records = walk.due;
    this.#chunks = walk.chunks;
    this.#lines = walk.lines;
    this.#isFull = walk.format < segmentFormat;
  }

  get segment(): number {
    return this.#segment;
  }

  get chain(): string {
    return this.#chain;
  }

  /** Where it ends on disk. */
  get place(): LogPlace {
    return {
      segment: this.#segment,
      bytes: this.#size,
      lines: this.#lines,
      chain: this.#chain,
      records: this.#records,
      chunks: this.#chunks,
    };
  }

  get head(): Head {
    return signHead({ segment: this.#segment, records: this.#records, chain: this.#chain }, this.#key);
  }

  /** Goes on at the end of a segment that is whole. */
  async resume(path: string): Promise<void> {
    this.#file = await open(path, 'r+');
    this.#size = (await this.#file.stat()).size;
  }

  /** Asks how much room the disk has. */
  async measureRoom(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    this.#free = bavail * bsize;
  }

  /** Counts the segments anew: something of them went. */
  async measure(): Promise<void> {
    this.#bytes = await sizeOf(this.#folder);
  }

  /** @throws the file system's error; then none of the entries is kept */
  async write(entries: readonly EntryBytes[]): Promise<void> {
    const file = await this.#currentFile();
    const { bytes, chain } = linesOf(entries, this.#chain);
    // Notices are small, and the way to make room again.
    if (entries.some(({ kind }) => heavy.has(kind))) this.#needRoom(bytes.length);
    // What a failed write left behind the end must not be taken for stored: it goes first.
    if (this.#torn) await file.truncate(this.#size);
    this.#torn = true;
    await writeAll(file, bytes, this.#size);
    await file.datasync();
    this.#torn = false;
    this.#size += bytes.length;
    this.#bytes += bytes.length;
    this.#free -= bytes.length;
    this.#chain = chain;
    this.#lines += entries.length;
    for (const { kind } of entries) {
      if (kind === 'record') this.#records += 1;
      if (kind === 'chunk') this.#chunks += 1;
    }
  }

  /** Closes the open segment and begins the next. */
  async turnOver(): Promise<void> {
    this.#isFull = true;
    await this.#currentFile();
  }

  /** Whether the open segment was begun before a time, epoch ms. */
  async isOlder(time: number): Promise<boolean> {
    if (this.#file === undefined) return false;
    return (await stat(join(this.#folder, segmentName(this.#segment)))).birthtimeMs < time;
  }

  /** @returns where it ends, if anything is open */
  async close(): Promise<LogPlace | undefined> {
    if (this.#file === undefined) return undefined;
    if (this.#torn) await this.#file.truncate(this.#size);
    await this.#file.close();
    return this.place;
  }

  async #currentFile(): Promise<FileHandle> {
    if (this.#file !== undefined && this.#size < this.#limits.segmentBytes && !this.#isFull)
      return this.#file;
    const number = this.#segment + 1;
    const header: Header = {
      format: segmentFormat,
      segment: number,
      previous: this.#chain,
      ...(number === 1 ? {} : { head: this.head }),
    };
    const bytes = Buffer.from(`${JSON.stringify(header)}\n`);
    const file = await open(join(this.#folder, segmentName(number)), 'w');
    try {
      await writeAll(file, bytes, 0);
      await file.datasync();
      await syncFolder(this.#folder);
    } catch (error) {
      await file.close();
      throw error;
    }
    if (this.#torn) await this.#file?.truncate(this.#size);
    await this.#file?.close();
    this.#file = file;
    this.#segment = number;
    this.#size = bytes.length;
    this.#torn = false;
    this.#isFull = false;
    this.#lines = 1;
    this.#onBegin(this.place);
    return file;
  }

  /** @throws Error before anything is written, so that nothing has to be taken back */
  #needRoom(bytes: number): void {
    if (this.#bytes + bytes > this.#limits.maxBytes) throw new Error('the log has grown to its limit');
    if (this.#free - bytes < spareBytes) throw new Error('the disk is nearly full');
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
