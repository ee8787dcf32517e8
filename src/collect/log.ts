import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdir, truncate } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Keeper, type LogPlace, saveCheckpoint } from './checkpoint.ts';
import type { Erasures } from './erasures.ts';
import { listSegments, saveHead, syncFolder } from './folder.ts';
import { openSigningKey } from './keys.ts';
import { bytesOf, type Entry, type EntryBytes, genesis, type NoticeEntry } from './line.ts';
import { lockFolder } from './lock.ts';
import { Parts } from './parts.ts';
import { type Opened, readLog, removeRetired } from './reopen.ts';
import { type Retired, saveRetired } from './retire/retired.ts';
import { SegmentWriter, type WriterLimits } from './segment-writer.ts';
import { removeDrafts, sweep } from './sweep.ts';
import type { Walk } from './walk.ts';

/** A segment is read whole when the log is walked. */
const defaultSegmentBytes = 64 * 1024 * 1024;
const headInterval = 1000;
interface Waiting {
  readonly entries: readonly EntryBytes[];
  readonly resolve: (segment: number) => void;
  readonly reject: (reason: unknown) => void;
}

export interface LogOptions {
  /** A segment that has grown over this is closed. Default 64 MiB. */
  readonly segmentBytes?: number | undefined;
  /** All segments together may grow to this. Default: to what the disk has, less 128 MiB. */
  readonly maxBytes?: number | undefined;
  /** With one the log opens from its last checkpoint, and makes new ones. */
  readonly keeper?: Keeper | undefined;
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
  readonly #writer: SegmentWriter;
  #sweeps = 0;
  #retired: Retired | undefined;
  readonly #keeper: Keeper | undefined;
  readonly #parts: Parts | undefined;
  /** Where the next checkpoint is made at. */
  #place: LogPlace | undefined;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #headChain: string;
  #heading: Promise<void> = Promise.resolve();

  private constructor(
    folder: string,
    walk: Walk,
    key: KeyObject,
    unlock: () => Promise<void>,
    keeper: Keeper | undefined,
    parts: Parts | undefined,
    limits: WriterLimits,
  ) {
    this.folder = folder;
    this.erasures = walk.erasures;
    this.#key = key;
    this.#unlock = unlock;
    this.#retired = walk.retired;
    this.#keeper = keeper;
    this.#parts = parts;
    this.#headChain = walk.head?.chain ?? genesis;
    this.#writer = new SegmentWriter(folder, key, walk, limits, (place) => {
      this.#place = place;
    });
    this.#headTimer = setInterval(() => {
      void this.#writer.measureRoom().catch(() => undefined);
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
      const log = new SegmentLog(folder, walk, key, unlock, keeper, parts, { segmentBytes, maxBytes });
      await log.#writer.measure();
      await log.#writer.measureRoom();
      const last = (await listSegments(folder)).at(-1);
      if (last !== undefined && walk.tail?.keep !== 0 && walk.faults.length === 0)
        await log.#writer.resume(last.path);
      return { log, ...opened };
    } catch (error) {
      await unlock();
      throw error;
    }
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
      await this.#writer.turnOver();
      const { segment } = this.#writer;
      const closed = (await listSegments(this.folder)).filter(({ number }) => number < segment);
      const swept = await sweep(this.folder, closed, subjects, this.erasures, new Map(this.#retired?.graves));
      await this.#writer.measure();
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
    const { segment, bytes } = this.#writer.place;
    return { segment, bytes };
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
    if (await this.#writer.isOlder(time)) await this.#alone(() => this.#writer.turnOver());
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
      await this.#writer.measure();
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
        await this.#writer.write(group.flatMap(({ entries }) => entries));
        for (const { resolve } of group) resolve(this.#writer.segment);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#flushing = undefined;
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
        if (this.#writer.chain !== this.#headChain) {
          const { head } = this.#writer;
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
    this.#place = (await this.#writer.close()) ?? this.#place;
    await this.#writeHead();
    await this.#unlock();
  }
}
