import type { ChunkIdentity } from '../schema/fields.ts';
import type { Ranges, Stored } from '../shared/control.ts';

/** One worker of one page: what record numbers are unique within. */
export type Life = Pick<ChunkIdentity, 'session' | 'epoch'>;
type OpenRanges = [first: number, last: number][];

/** Index of the first range that ends at or behind `seq`. */
function indexOf(ranges: Ranges, seq: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.[1] ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

export const lifeKey = ({ session, epoch }: Life): string => `${session} ${epoch}`;

/** As JSON. */
export interface StoredState {
  readonly missing: number;
  readonly lives: readonly [life: string, ranges: OpenRanges][];
}

/** Which records are on disk, as ranges of sequence numbers per page life. Derived from the segments. */
export class StoredRecords {
  readonly #lives = new Map<string, OpenRanges>();
  #missing = 0;

  /** Numbers below the highest of their life that never came: loss, or a record still on its way. */
  get missing(): number {
    return this.#missing;
  }

  has(life: Life, seq: number): boolean {
    const ranges = this.#lives.get(lifeKey(life)) ?? [];
    const range = ranges[indexOf(ranges, seq)];
    return range !== undefined && range[0] <= seq;
  }

  /** How much of `seq` ... `seq + count - 1` is there. */
  holds({ seq, ...life }: ChunkIdentity, count: number): 'all' | 'some' | 'none' {
    const ranges = this.#lives.get(lifeKey(life)) ?? [];
    const range = ranges[indexOf(ranges, seq)];
    if (range === undefined || range[0] >= seq + count) return 'none';
    return range[0] <= seq && seq + count - 1 <= range[1] ? 'all' : 'some';
  }

  /** `count` records from `seq` on; those known already change nothing. */
  add({ seq, ...life }: ChunkIdentity, count: number): void {
    if (count === 0) return;
    const ranges = this.#lives.get(lifeKey(life)) ?? [];
    this.#lives.set(lifeKey(life), ranges);
    const highest = ranges.at(-1)?.[1] ?? -1;
    let [first, last] = [seq, seq + count - 1];
    let fresh = count;
    // Neighbours join: the search begins at the range that ends just before.
    const start = indexOf(ranges, first - 1);
    let end = start;
    for (let range = ranges[end]; range !== undefined && range[0] <= last + 1; range = ranges[end]) {
      fresh -= Math.max(0, Math.min(range[1], seq + count - 1) - Math.max(range[0], seq) + 1);
      first = Math.min(first, range[0]);
      last = Math.max(last, range[1]);
      end += 1;
    }
    ranges.splice(start, end - start, [first, last]);
    this.#missing += Math.max(last, highest) - highest - fresh;
  }

  snapshot(): StoredState {
    return { missing: this.#missing, lives: [...this.#lives] };
  }

  restore({ missing, lives }: StoredState): void {
    this.#missing = missing;
    this.#lives.clear();
    for (const [name, ranges] of lives) this.#lives.set(name, ranges);
  }

  rangesOf(life: Life): Stored {
    const ranges = this.#lives.get(lifeKey(life)) ?? [];
    return {
      session: life.session,
      epoch: life.epoch,
      ranges: ranges.map(([first, last]) => [first, last]),
    };
  }
}
