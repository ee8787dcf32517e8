import { describe, expect, it } from 'vitest';
import { RateLimiter, senderOf } from '../../../src/collect/rate.ts';

describe('a token bucket', () => {
  it('lets a burst through, then the rate, and says how long to wait', () => {
    const limiter = new RateLimiter({ rate: 2, burst: 3 });
    expect([0, 0, 0].map(() => limiter.take('a', 0))).toEqual([0, 0, 0]);
    expect(limiter.take('a', 0)).toBe(500);
    expect(limiter.take('a', 499)).toBeGreaterThan(0);
    expect(limiter.take('a', 501)).toBe(0);
    expect(limiter.take('a', 501)).toBeGreaterThan(0);
  });

  it('never saves up more than the burst', () => {
    const limiter = new RateLimiter({ rate: 100, burst: 2 });
    const taken = Array.from({ length: 5 }, () => limiter.take('a', 1e9));
    expect(taken.filter((wait) => wait === 0)).toHaveLength(2);
  });

  it('keeps senders apart, in bounded memory', () => {
    const limiter = new RateLimiter({ rate: 1, burst: 1 });
    for (let i = 0; i < 200_000; i++) expect(limiter.take(`sender ${i}`, i)).toBe(0);
    expect(limiter.take('sender 199999', 200_000)).toBeGreaterThan(0);
    expect(limiter.take('sender 0', 200_000)).toBe(0);
  });
});

describe('a sender', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '::ffff:192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
  ])('behind %s is %s', (address, sender) => {
    expect(senderOf(address)).toBe(sender);
  });
});
