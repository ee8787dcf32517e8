import type { Frame, Log } from '../protocol/frame.ts';
import type { Ranges } from '../shared/control.ts';
import type { Journal } from './journal.ts';
import { lifeKey } from './life.ts';
import { isLive, withLock } from './locks.ts';
import type { Life } from './messages.ts';

/** Another tab may have crashed since the last look. */
const lookEveryMs = 60_000;
const sliceOf = 200;

export interface DrainOptions {
  readonly journal: Journal;
  readonly own: Life;
  readonly signal: AbortSignal;
  /** How many records there is room for now. */
  readonly room: () => number;
  readonly adopt: (life: Life, ranges: Ranges) => void;
  readonly load: (life: Life, logs: readonly Log[], frames: ReadonlyMap<number, Frame>) => void;
}

interface Slice {
  readonly life: Life;
  readonly logs: readonly Log[];
  readonly frames: ReadonlyMap<number, Frame>;
}

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
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
      while (!signal.aborted) {
        await this.#look();
        await sleep(lookEveryMs, signal);
      }
    });
  }

  async #look(): Promise<void> {
    const { journal, own, signal, adopt } = this.#options;
    const live = await isLive();
    for (const left of await journal.lives()) {
      const key = lifeKey(left.life);
      if (signal.aborted || key === lifeKey(own) || live(left.life) || this.#adopted.has(key)) continue;
      this.#adopted.add(key);
      adopt(left.life, left.ranges);
      this.#unread.push(left.life);
    }
    await this.more();
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
    const { logs, frames } = await this.#options.journal.read(life);
    for (let start = 0; start < logs.length; start += sliceOf)
      this.#slices.push({ life, logs: logs.slice(start, start + sliceOf), frames });
    return this.#slices.shift();
  }
}
