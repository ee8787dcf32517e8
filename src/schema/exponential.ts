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

/** One that grows: values and other histograms go in, `read` comes out. */
export class ExponentialHistogram {
  #scale: number;
  #zeroCount = 0;
  #count = 0;
  #sum = 0;
  #buckets = new Map<number, number>();

  constructor(scale = finestScale) {
    this.#scale = scale;
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** @param value finite, not below 0 */
  add(value: number, weight = 1): void {
    this.#count += weight;
    this.#sum += value * weight;
    if (value > 0) this.#put(bucketOf(value, this.#scale), weight);
    else this.#zeroCount += weight;
  }

  merge(other: Exponential): void {
    this.#count += other.count;
    this.#sum += other.sum;
    this.#zeroCount += other.zeroCount;
    while (this.#scale > other.scale) this.#halve();
    for (const [i, count] of other.counts.entries())
      if (count > 0) {
        const down = other.scale - this.#scale;
        this.#put(Math.floor((other.offset + i) / 2 ** down), count);
      }
  }

  #put(index: number, weight: number): void {
    const known = this.#buckets.get(index);
    this.#buckets.set(index, (known ?? 0) + weight);
    if (known !== undefined) return;
    let [low, high] = this.#span();
    while (high - low >= mostBuckets && this.#scale > coarsestScale) {
      this.#halve();
      [low, high] = this.#span();
    }
  }

  #span(): [number, number] {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const index of this.#buckets.keys()) {
      low = Math.min(low, index);
      high = Math.max(high, index);
    }
    return [low, high];
  }

  /** Two neighbours become one: an index is halved, rounded down. */
  #halve(): void {
    this.#scale -= 1;
    const buckets = new Map<number, number>();
    for (const [index, count] of this.#buckets) {
      const half = Math.floor(index / 2);
      buckets.set(half, (buckets.get(half) ?? 0) + count);
    }
    this.#buckets = buckets;
  }

  read(): Exponential {
    const [low, high] = this.#buckets.size === 0 ? [0, -1] : this.#span();
    const counts = Array.from({ length: high - low + 1 }, (_, i) => this.#buckets.get(low + i) ?? 0);
    return {
      scale: this.#scale,
      zeroCount: this.#zeroCount,
      count: this.#count,
      sum: this.#sum,
      offset: low,
      counts,
    };
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
