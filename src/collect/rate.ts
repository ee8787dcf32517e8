/** `rate` requests a second in the long run, `burst` at once. */
export interface RateLimit {
  readonly rate: number;
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** More senders than this at one time: the longest silent one is forgotten, and begins with a full bucket. */
const mostSenders = 50_000;

/** Token buckets, one a sender, so that a flood from one does not starve another. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  /**
   * Takes one request from the sender's bucket.
   * @param now monotonic milliseconds
   * @returns 0 when allowed, else the milliseconds until the next one is
   */
  take(sender: string, now: number): number {
    const { rate, burst } = this.#limit;
    const bucket = this.#buckets.get(sender) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * rate) / 1000);
    bucket.at = now;
    // Deleting first puts it at the end: the map's order is the order of last use.
    this.#buckets.delete(sender);
    this.#buckets.set(sender, bucket);
    if (this.#buckets.size > mostSenders)
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) * 1000) / rate);
    bucket.tokens -= 1;
    return 0;
  }
}

/** Who an address stands for: itself, or for IPv6 its /64, of which one host can use every address. */
export function senderOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [left = '', right] = address.split('::');
  const before = left === '' ? [] : left.split(':');
  const after = right === undefined || right === '' ? [] : right.split(':');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
