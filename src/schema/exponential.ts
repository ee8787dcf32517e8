/**
 * OpenTelemetry's exponential histogram (metrics data model, "ExponentialHistogram"): bucket `i` at scale `s`
 * holds values in (base^i, base^(i+1)] with base = 2^(2^-s). Two of them merge without loss at the smaller scale.
 * Counts may be fractions, for values that stand for more than one.
 */
export interface Exponential {
  readonly scale: number;
  /** Values that are 0 (or below what a double can scale). */
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  /** `counts[i]` is of bucket `offset + i`. */
  readonly offset: number;
  readonly counts: readonly number[];
}

/** Buckets kept; 160 at scale 3 span 20 powers of two with 9 % to a bucket. */
export const mostBuckets = 160;
const finestScale = 20;
export const coarsestScale = -10;

/** Which bucket a value over 0 falls into. */
export const bucketOf = (value: number, scale: number): number =>
  Math.ceil(Math.log2(value) * 2 ** scale) - 1;

/** Upper edge of a bucket, itself included. */
export const upperEdge = (index: number, scale: number): number => 2 ** ((index + 1) * 2 ** -scale);

/** One that grows: values go in, `read` comes out. */
export class ExponentialHistogram {
  protected scale: number;
  zeroCount = 0;
  count = 0;
  sum = 0;
  protected offset = 0;
  /** From the lowest bucket that holds something to the highest. */
  protected counts: number[] = [];

  constructor(scale = finestScale) {
    this.scale = scale;
  }

  /** @param value finite, not below 0 */
  add(value: number, weight = 1): void {
    this.count += weight;
    this.sum += value * weight;
    if (value > 0) this.put(bucketOf(value, this.scale), this.scale, weight);
    else this.zeroCount += weight;
  }

  /** @param index of a bucket at `scale`, which is as fine as this one or finer */
  protected put(index: number, scale: number, weight: number): void {
    let [at, last] = [0, 0];
    for (;;) {
      at = Math.floor(index / 2 ** (scale - this.scale)) - this.offset;
      last = this.counts.length - 1;
      if (last < 0 || Math.max(at, last) - Math.min(at, 0) < mostBuckets || this.scale <= coarsestScale)
        break;
      this.halve();
    }
    if (last < 0) [this.offset, at] = [this.offset + at, 0];
    for (; at < 0; at++, this.offset--) this.counts.unshift(0);
    while (this.counts.length <= at) this.counts.push(0);
    this.counts[at] = (this.counts[at] ?? 0) + weight;
  }

  /** Two neighbours become one: an index is halved, rounded down. */
  protected halve(): void {
    this.scale -= 1;
    const counts: number[] = [];
    const offset = Math.floor(this.offset / 2);
    for (const [i, count] of this.counts.entries()) {
      const half = Math.floor((this.offset + i) / 2) - offset;
      counts[half] = (counts[half] ?? 0) + count;
    }
    this.offset = offset;
    this.counts = counts;
  }

  read(): Exponential {
    return {
      scale: this.scale,
      zeroCount: this.zeroCount,
      count: this.count,
      sum: this.sum,
      offset: this.offset,
      counts: this.counts.slice(),
    };
  }
}

/** One that takes others in, too: a page never does, so it does not carry this. */
export class MergingHistogram extends ExponentialHistogram {
  merge({ scale, offset, counts, ...totals }: Exponential): void {
    this.#take(scale, offset, counts, totals);
  }

  /** Without a copy of it: a query over a day takes in tens of thousands. */
  absorb(other: MergingHistogram): void {
    this.#take(other.scale, other.offset, other.counts, other);
  }

  #take(
    scale: number,
    offset: number,
    counts: readonly number[],
    { zeroCount, count, sum }: { readonly zeroCount: number; readonly count: number; readonly sum: number },
  ): void {
    this.count += count;
    this.sum += sum;
    this.zeroCount += zeroCount;
    while (this.scale > scale) this.halve();
    const last = counts.length - 1;
    if (last < 0) return;
    // Its ends first: then all between them has a place.
    this.put(offset, scale, 0);
    this.put(offset + last, scale, 0);
    const [into, from, finer] = [this.counts, this.offset, scale - this.scale];
    for (let i = 0; i <= last; i++) {
      // Rounds down, below zero too; bucket numbers have far fewer than 32 bits.
      const at = ((offset + i) >> finer) - from;
      into[at] = (into[at] as number) + (counts[i] as number);
    }
  }
}

/** How many are at or below `edge`; a bucket that the edge cuts is left out, so it is never told too many. */
export function atMost({ scale, offset, counts, zeroCount }: Exponential, edge: number): number {
  let count = zeroCount;
  for (const [i, each] of counts.entries())
    if (upperEdge(offset + i, scale) <= edge * (1 + 1e-12)) count += each;
  return count;
}

/**
 * The `q` quantile, off by at most half a bucket: the geometric middle of the bucket that holds it.
 * @returns `undefined` for an empty histogram
 */
export function quantile(histogram: Exponential, q: number): number | undefined {
  const { scale, offset, counts, zeroCount, count } = histogram;
  if (count === 0) return undefined;
  let left = q * count - zeroCount;
  if (left <= 0) return 0;
  let last = offset;
  for (const [i, each] of counts.entries()) {
    if (each === 0) continue;
    last = offset + i;
    left -= each;
    if (left <= 1e-9) break;
  }
  return counts.length === 0 ? 0 : 2 ** ((last + 0.5) * 2 ** -scale);
}
