import type { Frame, Log } from '../protocol/frame.ts';
import type { Ranges } from '../shared/control.ts';
import type { Journal } from './journal.ts';
import { lifeKey, pageKey } from './life.ts';
import { isLive, withLock } from './locks.ts';
import type { Life, PageLife } from './messages.ts';
import { rangesOf, sizeOf } from './ranges.ts';
import { capacity } from './sealer.ts';

/**
 * A tab that is just being closed still counts as live for a moment. Waiting for its lock would tell sooner, but a lock
 * that somebody waits for can cost a page its place in the back/forward cache.
 */
const looksAfterMs = [2000, 10_000];
/** Another tab may have crashed since the last look. */
const lookEveryMs = 60_000;
const sliceOf = 200;

export interface DrainOptions {
  readonly journal: Journal;
  readonly own: PageLife;
  readonly signal: AbortSignal;
  /** How many records there is room for now. */
  readonly room: () => number;
  readonly adopt: (life: Life, ranges: Ranges) => void;
  readonly load: (life: Life, logs: readonly Log[], frames: ReadonlyMap<number, Frame>) => void;
  readonly drop: (life: Life, ranges: Ranges, reason: string) => Promise<void>;
}

type Left = Awaited<ReturnType<Journal['lives']>>[number];

interface Slice {
  readonly life: Life;
  readonly logs: readonly Log[];
  readonly frames: ReadonlyMap<number, Frame>;
}

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

/**
 * Takes over what earlier visits left, in the one tab that holds the drain lock: their numbers into the
 * ledger at once, their bodies into memory life by life as room allows.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #adopted = new Set<string>();
  readonly #unread: Life[] = [];
  readonly #slices: Slice[] = [];
  #loading = false;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  /** Ends when `signal` aborts. */
  run(): Promise<void> {
    const { signal } = this.#options;
    return withLock('sonde:drain', signal, async () => {
      for (let look = 0; !signal.aborted; look++) {
        await this.#look();
        await sleep(looksAfterMs[look] ?? lookEveryMs, signal);
      }
    });
  }

  async #look(): Promise<void> {
    const { journal, own, signal, adopt } = this.#options;
    const left = await journal.lives();
    // Asked after the reading: a life takes its lock before its first record is written.
    const live = await isLive();
    const found = left.filter(
      ({ life }) => pageKey(life) !== pageKey(own) && !live(life) && !this.#adopted.has(lifeKey(life)),
    );
    if (signal.aborted) return;
    for (const { life, ranges } of found) {
      this.#adopted.add(lifeKey(life));
      adopt(life, ranges);
    }
    await this.#trim(found);
    this.#unread.push(...found.map(({ life }) => life));
    await this.more();
  }

  /** A collector that is away for many visits must not fill the disk: normal before anomalous, oldest first. */
  async #trim(found: readonly Left[]): Promise<void> {
    let excess = found.reduce((sum, { ranges }) => sum + sizeOf(ranges), 0) - capacity;
    for (const anomalous of [false, true]) {
      for (const { life } of found) {
        if (excess <= 0) return;
        const { logs } = await this.#options.journal.read(life);
        const numbers = logs.filter((log) => log.anomalous === anomalous).map(({ seq }) => seq);
        const dropped = rangesOf(numbers.slice(0, excess));
        excess -= sizeOf(dropped);
        await this.#options.drop(life, dropped, 'journal_full');
      }
    }
  }

  /** Call when room was made. */
  async more(): Promise<void> {
    const { signal, room, load } = this.#options;
    if (this.#loading) return;
    this.#loading = true;
    try {
      while (!signal.aborted && room() >= sliceOf) {
        const slice = this.#slices.shift() ?? (await this.#read());
        if (slice === undefined || signal.aborted) return;
        load(slice.life, slice.logs, slice.frames);
      }
    } finally {
      this.#loading = false;
    }
  }

  async #read(): Promise<Slice | undefined> {
    const life = this.#unread.shift();
    if (life === undefined) return undefined;
    const { journal, drop } = this.#options;
    const { logs, frames } = await journal.read(life);
    const whole = logs.filter(({ frame }) => frames.has(frame));
    const torn = logs.filter(({ frame }) => !frames.has(frame)).map(({ seq }) => seq);
    if (torn.length > 0) await drop(life, rangesOf(torn), 'journal_damaged');
    for (let start = 0; start < whole.length; start += sliceOf)
      this.#slices.push({ life, logs: whole.slice(start, start + sliceOf), frames });
    return this.#slices.shift();
  }
}
