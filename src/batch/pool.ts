import type { Log } from '../protocol/frame.ts';
import type { Ranges } from '../shared/control.ts';
import { lifeKey } from './life.ts';
import type { ChunkId, Life } from './messages.ts';
import { includes } from './ranges.ts';

/** Records of one life with consecutive numbers: what one chunk holds. */
export interface Run {
  readonly life: Life;
  readonly logs: readonly Log[];
}

/** A record and whose it is. */
export interface Held {
  readonly life: Life;
  readonly log: Log;
}

interface Waiting extends Held {
  /** When it is to be sealed at the latest. */
  readonly due: number;
}

/** A chunk closes at whichever comes first. */
export interface Limits {
  readonly logs: number;
  readonly rawBytes: number;
  readonly ageMs: number;
}
export const chunkLimits = { logs: 50, rawBytes: 48 * 1024, gzipBytes: 12 * 1024, ageMs: 1000 } as const;
/** Five hundred measurements add up to no more than one. */
export const exportLimits: Limits = { logs: 500, rawBytes: Number.POSITIVE_INFINITY, ageMs: 10_000 };

/** Numbers are unique within a life, so the first one names the run. */
export const runKey = ({ life, first }: Pick<ChunkId, 'life' | 'first'>): string =>
  `${lifeKey(life)}:${first}`;

function runOf(entries: readonly Waiting[]): Run | undefined {
  const [first] = entries;
  return first && { life: first.life, logs: entries.map(({ log }) => log) };
}

const keyOf = ({ life, logs }: Run): string => runKey({ life, first: logs[0]?.seq ?? 0 });

/**
 * Records in worker memory, from `add` to the answer: waiting to be sealed, or handed to the page in a
 * chunk. Holds `capacity` records; beyond it the oldest normal record makes room before any anomalous one.
 */
export class Pool {
  #waiting: Waiting[] = [];
  readonly #handed = new Map<string, Run>();
  readonly #capacity: number;
  readonly #limits: Limits;
  #size = 0;

  constructor(capacity: number, limits: Limits = chunkLimits) {
    this.#capacity = capacity;
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  get handedRuns(): number {
    return this.#handed.size;
  }

  /** @returns the record that had to make room, if one had */
  add(life: Life, log: Log, due: number): Held | undefined {
    this.#waiting.push({ life, log, due });
    this.#size += 1;
    if (this.#size <= this.#capacity) return undefined;
    const normal = this.#waiting.findIndex((entry) => !entry.log.anomalous);
    const [evicted] = this.#waiting.splice(Math.max(normal, 0), 1);
    if (evicted !== undefined) this.#size -= 1;
    return evicted;
  }

  /** When the next run is due: `now` if one is full, undefined if nothing waits. */
  dueAt(now: number): number | undefined {
    const [first, second] = this.#runs();
    if (first === undefined) return undefined;
    const full = second !== undefined || first.length >= this.#limits.logs;
    return full ? now : first[0]?.due;
  }

  /** Moves the next run from waiting to handed, one with an anomalous record first. */
  hand(): Run | undefined {
    const runs = this.#runs();
    return this.#hand(runs.find((run) => run.some((entry) => entry.log.anomalous)) ?? runs[0] ?? []);
  }

  /** Hands exactly these; undefined if some of them wait no more. */
  handThese({ life, first, count }: ChunkId): Run | undefined {
    const these = this.#waitingOf(life).filter(({ log: { seq } }) => first <= seq && seq < first + count);
    return these.length < count ? undefined : this.#hand(these);
  }

  #hand(entries: readonly Waiting[]): Run | undefined {
    const run = runOf(entries);
    if (run === undefined) return undefined;
    const taken = new Set(entries);
    this.#waiting = this.#waiting.filter((entry) => !taken.has(entry));
    this.#handed.set(keyOf(run), run);
    return run;
  }

  #waitingOf(life: Life): readonly Waiting[] {
    return this.#waiting.filter((entry) => lifeKey(entry.life) === lifeKey(life));
  }

  /** The newest run of a life; it waits on. */
  newest(life: Life): Run | undefined {
    return runOf(this.#runs(this.#waitingOf(life)).at(-1) ?? []);
  }

  /** What waits, cut where a life ends, a number is missing or a chunk would be full. */
  #runs(waiting: readonly Waiting[] = this.#waiting): readonly (readonly Waiting[])[] {
    const runs: Waiting[][] = [];
    let bytes = 0;
    for (const entry of waiting) {
      const run = runs.at(-1);
      const previous = run?.at(-1);
      bytes += entry.log.text.length;
      const joins =
        run !== undefined &&
        previous !== undefined &&
        run.length < this.#limits.logs &&
        bytes <= this.#limits.rawBytes &&
        entry.log.seq === previous.log.seq + 1 &&
        lifeKey(entry.life) === lifeKey(previous.life);
      if (joins) run.push(entry);
      else {
        runs.push([entry]);
        bytes = entry.log.text.length;
      }
    }
    return runs;
  }

  holds(run: Run): boolean {
    return this.#handed.get(keyOf(run)) === run;
  }

  /** Cuts a handed run in two that stay handed; nothing to cut in a run of one. */
  halve(run: Run): readonly Run[] {
    const middle = Math.ceil(run.logs.length / 2);
    if (middle === run.logs.length) return [];
    const halves = [run.logs.slice(0, middle), run.logs.slice(middle)].map((logs) => ({ ...run, logs }));
    for (const half of halves) this.#handed.set(keyOf(half), half);
    return halves;
  }

  handed(id: Pick<ChunkId, 'life' | 'first'>): Run | undefined {
    return this.#handed.get(runKey(id));
  }

  /** Frees what an answer covers; a run that is covered in part stays handed as a whole. */
  settle(life: Life, ranges: Ranges): void {
    const key = lifeKey(life);
    const covered = (log: Log): boolean => includes(ranges, log.seq);
    const waiting = this.#waiting.filter((entry) => lifeKey(entry.life) !== key || !covered(entry.log));
    this.#size -= this.#waiting.length - waiting.length;
    this.#waiting = waiting;
    for (const [name, run] of this.#handed) {
      if (lifeKey(run.life) !== key || !run.logs.every(covered)) continue;
      this.#handed.delete(name);
      this.#size -= run.logs.length;
    }
  }

  /** Of a handed run all but `covered` waits anew, to be handed at once. */
  release(id: ChunkId, covered: Ranges): void {
    const run = this.handed(id);
    if (run === undefined) return;
    this.#handed.delete(keyOf(run));
    const left = run.logs.filter(({ seq }) => !includes(covered, seq));
    this.#size -= run.logs.length - left.length;
    this.#waiting.unshift(...left.map((log) => ({ life: run.life, log, due: 0 })));
  }

  clear(): void {
    this.#waiting = [];
    this.#handed.clear();
    this.#size = 0;
  }
}
