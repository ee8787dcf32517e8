import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoff } from '../../../src/deliver/backoff.ts';
import { retryAfter } from '../../../src/shared/retry-after.ts';

describe('full jitter', () => {
  it('is uniform below a limit that doubles from 1 s to 5 min', () => {
    const limits = [1, 2, 3, 8, 9, 10, 50].map((failures) => backoff(failures, () => 1));
    expect(limits).toEqual([1000, 2000, 4000, 128_000, 256_000, 300_000, 300_000]);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, random) => {
          const delay = backoff(n, () => random);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(300_000);
        },
      ),
    );
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-23T12:00:00Z');

  it('is seconds of any length, or an HTTP date', () => {
    expect(retryAfter('12', now)).toBe(12_000);
    expect(retryAfter('0', now)).toBe(0);
    expect(retryAfter('31536000', now)).toBe(31_536_000_000);
    expect(retryAfter('Mon, 23 Nov 2026 12:02:00 GMT', now)).toBe(120_000);
    expect(retryAfter('Mon, 23 Nov 2026 11:02:00 GMT', now)).toBe(0);
  });

  it('that says nothing is nothing', () => {
    expect(retryAfter(null, now)).toBeUndefined();
    expect(retryAfter('soon', now)).toBeUndefined();
  });
});
