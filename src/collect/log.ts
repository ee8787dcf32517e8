import { createPublicKey, type KeyObject } from 'node:crypto';
import { type FileHandle, mkdir, open, rm, stat, statfs, truncate } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Checkpoint, type Keeper, type LogPlace, loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import type { Erasures } from './erasures.ts';
import { listSegments, saveHead, segmentName, syncFolder } from './folder.ts';
import { type Head, signHead } from './head.ts';
import { openSigningKey } from './keys.ts';
import {
  bytesOf,
  type Entry,
  type EntryBytes,
  genesis,
  type Header,
  linesOf,
  type NoticeEntry,
  segmentFormat,
} from './line.ts';
import { lockFolder } from './lock.ts';
import { Parts, partPath } from './parts.ts';
import { loadRetired, type Retired, saveRetired } from './retire/retired.ts';
import { removeDrafts, sweep } from './sweep.ts';
import { tablePath } from './tables/path.ts';
import { type Walk, walkLog } from './walk.ts';

/** A segment is read whole when the log is walked. */
const defaultSegmentBytes = 64 * 1024 * 1024;
const headInterval = 1000;
/** Left on the disk: a segment is written beside itself when something of it is erased. */
const spareBytes = 128 * 1024 * 1024;

/** Entries that somebody sent, and may send again. */
const heavy: ReadonlySet<Entry['kind']> = new Set<Entry['kind']>(['record', 'metrics', 'foreign']);

interface Waiting {
  readonly entries: readonly EntryBytes[];
  readonly resolve: (segment: number) => void;
  readonly reject: (reason: unknown) => void;
}

export interface LogOptions {
  /** A segment that has grown over this is closed. Default 64 MiB. */
  readonly segmentBytes?: number | undefined;
  /** All segments together may grow to this. Default: to what the disk has, less `spareBytes`. */
  readonly maxBytes?: number | undefined;
  /** With one the log opens from its last checkpoint, and makes new ones. */
  readonly keeper?: Keeper | undefined;
}

interface Opened {
  readonly walk: Walk;
  /** Where reading began, if not at the first line. */
  readonly checkpoint: Checkpoint | undefined;
  /** The keeper knows of each segment by itself: of those before the checkpoint too. */
  readonly hasParts: boolean;
}

interface LogParts {
  readonly maxBytes: number;
  /** Of all segments. */
  readonly bytes: number;
  readonly keeper: Keeper | undefined;
  readonly parts: Parts | undefined;
  readonly key: KeyObject;
  readonly unlock: () => Promise<void>;
  readonly segmentBytes: number;
}

/**
 * The append-only log. `append` resolves when the entries are on disk: everything that waits while one
 * fdatasync runs goes into the next, so its cost is shared.
 */
export class SegmentLog {
  readonly folder: string;
  readonly erasures: Erasures;
  readonly #unlock: () => Promise<void>;
  readonly #headTimer: NodeJS.Timeout;
  readonly #key: KeyObject;
  readonly #segmentBytes: number;
  #segment: number;
  #chain: string;
  /** Records from the log's beginning on. */
  #records: number;
  #chunks: number;
  #sweeps = 0;
  #retired: Retired | undefined;
  /** Of the open segment. */
  #lines: number;
  readonly #keeper: Keeper | undefined;
  readonly #parts: Parts | undefined;
  /** Where the next checkpoint is made at. */
  #place: LogPlace | undefined;
  #file: FileHandle | undefined;
  #size = 0;
  /** The next write begins a new segment, however small this one is. */
  #isFull = false;
  readonly #maxBytes: number;
  #bytes: number;
  /** As the file system last said. */
  #free = Number.POSITIVE_INFINITY;
  /** Bytes behind `#size` belong to a write that failed. */
  #torn = false;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #headChain: string;
  #heading: Promise<void> = Promise.resolve();

  private constructor(
    folder: string,
    walk: Walk,
    { key, unlock, segmentBytes, keeper, parts, maxBytes, bytes }: LogParts,
  ) {
    this.folder = folder;
    this.erasures = walk.erasures;
    this.#key = key;
    this.#unlock = unlock;
    this.#segmentBytes = segmentBytes;
    this.#segment = walk.segment;
    this.#chain = walk.chain;
    this.#records = walk.due;
    this.#chunks = walk.chunks;
    this.#lines = walk.lines;
    this.#retired = walk.retired;
    this.#isFull = walk.format < segmentFormat;
    this.#keeper = keeper;
    this.#parts = parts;
    this.#maxBytes = maxBytes;
    this.#bytes = bytes;
    this.#headChain = walk.head?.chain ?? genesis;
    this.#headTimer = setInterval(() => {
      void this.#measure().catch(() => undefined);
      void this.#writeHead().catch(() => undefined);
    }, headInterval);
    this.#headTimer.unref();
  }

  /**
   * Reads what is there, cuts off what a crash left unfinished, and goes on behind it. After a fault the
   * damaged segment stays as it is, for `sonde audit verify` to show, and writing goes on in a new one.
   *
   * With a keeper only what stands behind the last checkpoint is read, if that much is in order; whoever opens
   * it so lets `walkLog` read the rest in the background.
   */
  static async open(
    path: string,
    onStored: (entries: readonly Entry[], segment: number) => void,
    { segmentBytes = defaultSegmentBytes, keeper, maxBytes = Number.POSITIVE_INFINITY }: LogOptions = {},
  ): Promise<{ readonly log: SegmentLog } & Opened> {
    const folder = resolve(path);
    await mkdir(folder, { recursive: true });
    const unlock = await lockFolder(folder);
    try {
      const key = await openSigningKey(folder);
      await removeDrafts(folder);
      await removeRetired(folder, createPublicKey(key));
      const parts = keeper && new Parts(folder, key, keeper);
      const opened = await readLog(folder, key, onStored, keeper, parts);
      const { walk } = opened;
      if (walk.tail !== undefined) await truncate(walk.tail.path, walk.tail.keep);
      const log = new SegmentLog(folder, walk, {
        key,
        unlock,
        segmentBytes,
        keeper,
        parts,
        maxBytes,
        bytes: await sizeOf(folder),
      });
      await log.#measure();
      const last = (await listSegments(folder)).at(-1);
      // A tail without even a header is cut to nothing; its segment begins anew.
      if (walk.tail?.keep === 0) log.#segment -= 1;
      else if (last !== undefined && walk.faults.length === 0) await log.#resume(last.path);
      return { log, ...opened };
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  async #resume(path: string): Promise<void> {
    this.#file = await open(path, 'r+');
    this.#size = (await this.#file.stat()).size;
  }

  /**
   * @returns the segment that they are in
   * @throws the file system's error; then none of the entries is kept
   */
  append(entries: readonly EntryBytes[]): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entries, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** A notice about the log itself; it counts from when it is on disk. */
  async note(notice: NoticeEntry): Promise<void> {
    await this.append([bytesOf(notice)]);
    this.erasures.see(notice);
  }

  /**
   * Forgets a session: what of it stands in the log becomes tombstones, now, or when the holds over it are
   * released. Killed in between, the next start finishes it.
   * @param subject SHA-256 of the session's id, hex
   */
  async erase(subject: string, reason: string): Promise<void> {
    if (!this.erasures.has(subject)) await this.note({ kind: 'erasure', at: Date.now(), subject, reason });
    await this.sweep();
  }

  async hold(id: string, from: number, to: number, reason: string): Promise<void> {
    await this.note({ kind: 'hold', at: Date.now(), id, from, to, reason });
  }

  /** Erasures that waited for this hold are made. */
  async release(id: string): Promise<void> {
    await this.note({ kind: 'release', at: Date.now(), id });
    await this.sweep();
  }

  /** How often closed segments were changed since the log was opened. */
  get sweeps(): number {
    return this.#sweeps;
  }

  /** Makes the erasures that are asked for and not made yet. */
  async sweep(): Promise<void> {
    const subjects = this.erasures.unfinished;
    if (subjects.length === 0) return;
    const counts = await this.#alone(async () => {
      this.#sweeps += 1;
      // The open segment is closed first: what is swept is written no more.
      this.#isFull = true;
      await this.#currentFile();
      const closed = (await listSegments(this.folder)).filter(({ number }) => number < this.#segment);
      const swept = await sweep(this.folder, closed, subjects, this.erasures, new Map(this.#retired?.graves));
      this.#bytes = await sizeOf(this.folder);
      return swept;
    });
    for (const [subject, { records, waiting }] of counts) {
      const told = this.erasures.told(subject);
      if (told?.records !== records || told.waiting !== waiting)
        await this.note({ kind: 'erased', at: Date.now(), subject, records, waiting });
    }
  }

  /** What is left of segments that are in cold storage alone. */
  get retired(): Retired | undefined {
    return this.#retired;
  }

  /** Where it ends on disk; what stands behind that may be taken back. */
  get end(): { readonly segment: number; readonly bytes: number } {
    return { segment: this.#segment, bytes: this.#size };
  }

  /** The keeper has read the whole log since it was opened. */
  completeParts(): void {
    this.#parts?.complete();
  }

  /** What the keeper knows now. */
  snapshot(): unknown {
    return this.#keeper?.snapshot();
  }

  /** Closes the open segment if it was begun before a time, epoch ms. */
  async closeOlder(time: number): Promise<void> {
    const path = join(this.folder, segmentName(this.#segment));
    if (this.#file === undefined || (await stat(path)).birthtimeMs >= time) return;
    await this.#alone(async () => {
      this.#isFull = true;
      await this.#currentFile();
    });
  }

  /**
   * Lets go of the segments before the base of `retired`, which are in cold storage.
   * @param isUnchanged asked while nothing is written or erased; if not, nothing happens
   * @returns whether they are gone
   */
  async retire(retired: Retired, isUnchanged: () => Promise<boolean>): Promise<boolean> {
    if (!(await isUnchanged())) return false;
    const { segment, records, chain } = retired.base.place;
    await this.note({ kind: 'retired', at: Date.now(), segment: segment - 1, records, chain });
    return this.#alone(async () => {
      if (!(await isUnchanged())) return false;
      await this.keepRetired(retired);
      await removeRetired(this.folder, createPublicKey(this.#key));
      this.#bytes = await sizeOf(this.folder);
      return true;
    });
  }

  /** Says from now on what is in cold storage; it is on disk when this resolves. */
  async keepRetired(retired: Retired): Promise<void> {
    await saveRetired(this.folder, retired, this.#key);
    await syncFolder(this.folder);
    this.#retired = retired;
  }

  /** Runs `work` while nothing is appended; what comes in between waits. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#flushing !== undefined) await this.#flushing;
    const working = work();
    this.#flushing = working.then(
      () => this.#flush(),
      () => this.#flush(),
    );
    return working;
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(group.flatMap(({ entries }) => entries));
        for (const { resolve } of group) resolve(this.#segment);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#flushing = undefined;
  }

  async #write(entries: readonly EntryBytes[]): Promise<void> {
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

  async #currentFile(): Promise<FileHandle> {
    if (this.#file !== undefined && this.#size < this.#segmentBytes && !this.#isFull) return this.#file;
    const number = this.#segment + 1;
    const header: Header = {
      format: segmentFormat,
      segment: number,
      previous: this.#chain,
      ...(number === 1 ? {} : { head: this.#head() }),
    };
    const bytes = Buffer.from(`${JSON.stringify(header)}\n`);
    const file = await open(join(this.folder, segmentName(number)), 'w');
    try {
      await writeAll(file, bytes, 0);
      await file.datasync();
      await syncFolder(this.folder);
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
    this.#place = this.#here();
    return file;
  }

  #head(): Head {
    return signHead({ segment: this.#segment, records: this.#records, chain: this.#chain }, this.#key);
  }

  async #measure(): Promise<void> {
    const { bavail, bsize } = await statfs(this.folder);
    this.#free = bavail * bsize;
  }

  /** @throws Error before anything is written, so that nothing has to be taken back */
  #needRoom(bytes: number): void {
    if (this.#bytes + bytes > this.#maxBytes) throw new Error('the log has grown to its limit');
    if (this.#free - bytes < spareBytes) throw new Error('the disk is nearly full');
  }

  #here(): LogPlace {
    return {
      segment: this.#segment,
      bytes: this.#size,
      lines: this.#lines,
      chain: this.#chain,
      records: this.#records,
      chunks: this.#chunks,
    };
  }

  /**
   * Called in a later task than the append that ended at the place, so its keeper has seen all of it; and
   * behind the head, so that a log opened from here finds the head's chunk.
   */
  async #writeCheckpoint(): Promise<void> {
    const place = this.#place;
    if (place === undefined || this.#keeper === undefined) return;
    const state = this.#keeper.snapshot();
    const { notices } = this.erasures;
    await this.#parts?.keep(place);
    await saveCheckpoint(this.folder, { format: 1, place, notices, state }, this.#key);
    if (this.#place === place) this.#place = undefined;
  }

  /** One at a time: two would rename the same draft. */
  #writeHead(): Promise<void> {
    this.#heading = this.#heading
      .catch(() => undefined)
      .then(async () => {
        if (this.#chain !== this.#headChain) {
          const head = this.#head();
          await saveHead(this.folder, head);
          this.#headChain = head.chain;
        }
        await this.#writeCheckpoint();
      });
    return this.#heading;
  }

  /** Waits for what is being written, then closes the file and frees the folder. */
  async close(): Promise<void> {
    clearInterval(this.#headTimer);
    while (this.#flushing !== undefined) await this.#flushing;
    if (this.#torn) await this.#file?.truncate(this.#size);
    if (this.#file !== undefined) this.#place = this.#here();
    await this.#writeHead();
    await this.#file?.close();
    await this.#unlock();
  }
}

async function readLog(
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
async function removeRetired(folder: string, key: KeyObject): Promise<void> {
  const first = (await loadRetired(folder, key))?.base.place.segment ?? 0;
  for (const { number, path } of await listSegments(folder)) {
    if (number >= first) continue;
    await rm(tablePath(path), { force: true });
    await rm(partPath(folder, number), { force: true });
    await rm(path);
  }
}

async function sizeOf(folder: string): Promise<number> {
  const sizes = (await listSegments(folder)).map(async ({ path }) => (await stat(path)).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
