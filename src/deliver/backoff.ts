import { type Milliseconds, milliseconds } from '../shared/units.ts';

const firstMs = 1000;
const longestMs = 5 * 60_000;

/**
 * Full jitter: uniform in [0, min(5 min, 1 s * 2^(failures - 1))], so that clients that failed together do
 * not come back together (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
 * @param failures in a row, from 1
 */
export function backoff(failures: number, random: () => number = Math.random): Milliseconds {
  return milliseconds(random() * Math.min(longestMs, firstMs * 2 ** (failures - 1)));
}
