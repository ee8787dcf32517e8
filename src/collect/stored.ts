import type { ChunkIdentity } from '../schema/fields.ts';
import type { Ranges, Stored } from '../shared/control.ts';

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

/** Which chunks are on disk, as ranges of sequence numbers per page life. Derived from the segments. */
export class StoredChunks {
  readonly #lives = new Map<string, OpenRanges>();
  #missing = 0;

  /** Numbers below the highest of their life that never came: loss, or a chunk still on its way. */
  get missing(): number {
    return this.#missing;
  }

  has({ session, epoch, seq }: ChunkIdentity): boolean {
    const ranges = this.#lives.get(`${session} ${epoch}`) ?? [];
    const range = ranges[indexOf(ranges, seq)];
    return range !== undefined && range[0] <= seq;
  }

  add(chunk: ChunkIdentity): void {
    if (this.has(chunk)) return;
    const { session, epoch, seq } = chunk;
    const name = `${session} ${epoch}`;
    const ranges = this.#lives.get(name) ?? [];
    this.#lives.set(name, ranges);
    const highest = ranges.at(-1)?.[1] ?? -1;
    this.#missing += seq > highest ? seq - highest - 1 : -1;
    const index = indexOf(ranges, seq);
    const left = ranges[index - 1];
    const right = ranges[index];
    const joinsLeft = left !== undefined && left[1] === seq - 1;
    const joinsRight = right !== undefined && right[0] === seq + 1;
    if (joinsLeft && joinsRight) {
      left[1] = right[1];
      ranges.splice(index, 1);
    } else if (joinsLeft) left[1] = seq;
    else if (joinsRight) right[0] = seq;
    else ranges.splice(index, 0, [seq, seq]);
  }

  rangesOf({ session, epoch }: ChunkIdentity): Stored {
    const ranges = this.#lives.get(`${session} ${epoch}`) ?? [];
    return { session, epoch, ranges: ranges.map(([first, last]) => [first, last]) };
  }
}
