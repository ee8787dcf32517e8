import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expOfNegative } from '../../../src/kernels/exp.ts';

it('is e^x for x <= 0 to fifteen digits, as the engine has it', () => {
  fc.assert(
    fc.property(fc.double({ min: -700, max: 0, noNaN: true }), (x) => {
      expect(Math.abs(expOfNegative(x) / Math.exp(x) - 1)).toBeLessThan(3e-16 * (1 - x));
    }),
    { numRuns: 20_000 },
  );
});

it('ends at 0, and knows what is no number', () => {
  expect([0, -740, -745.2, -1e300, Number.NEGATIVE_INFINITY, Number.NaN].map(expOfNegative)).toEqual([
    1,
    Math.exp(-740),
    0,
    0,
    0,
    Number.NaN,
  ]);
});
