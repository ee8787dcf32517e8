import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settledPart, sumLedgers } from '../../../src/deliver/ledger.ts';
import type { Ledger } from '../../../src/protocol/telemetry.ts';

const lost = ({ dropped }: Ledger): number => Object.values(dropped).reduce((sum, count) => sum + count, 0);

const balanced: fc.Arbitrary<Ledger> = fc
  .record({
    acknowledged: fc.nat(100),
    pending: fc.nat(100),
    dropped: fc.dictionary(fc.constantFrom('journal_full', 'too_large'), fc.nat(100)),
  })
  .map((counts) => ({
    ...counts,
    emitted: counts.acknowledged + counts.pending + Object.values(counts.dropped).reduce((a, b) => a + b, 0),
  }));

describe('the ledger over several workers', () => {
  it('still balances; what the first had pending is the second one to count', () => {
    fc.assert(
      fc.property(balanced, balanced, (first, second) => {
        const sum = sumLedgers(settledPart(first), second);
        expect(sum.emitted).toBe(sum.acknowledged + sum.pending + lost(sum));
        expect(sum.pending).toBe(second.pending);
        expect(sum.acknowledged).toBe(first.acknowledged + second.acknowledged);
        expect(lost(sum)).toBe(lost(first) + lost(second));
      }),
    );
  });
});
