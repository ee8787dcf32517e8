import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settledPart, sumLedgers } from '../../../src/deliver/ledger.ts';
import type { Account, Ledger } from '../../../src/protocol/telemetry.ts';

const lost = ({ dropped }: Account): number => Object.values(dropped).reduce((sum, count) => sum + count, 0);

const balanced: fc.Arbitrary<Account> = fc
  .record({
    acknowledged: fc.nat(100),
    pending: fc.nat(100),
    dropped: fc.dictionary(fc.constantFrom('journal_full', 'too_large'), fc.nat(100)),
  })
  .map((counts) => ({
    ...counts,
    emitted: counts.acknowledged + counts.pending + Object.values(counts.dropped).reduce((a, b) => a + b, 0),
  }));

const ledgers: fc.Arbitrary<Ledger> = fc
  .tuple(balanced, balanced)
  .map(([records, metrics]) => ({ ...records, metrics }));

describe('the ledger over several workers', () => {
  it('still balances; what the first had pending is the second one to count', () => {
    fc.assert(
      fc.property(ledgers, ledgers, (first, second) => {
        const all = sumLedgers(settledPart(first), second);
        for (const [sum, a, b] of [
          [all, first, second],
          [all.metrics, first.metrics, second.metrics],
        ] as const) {
          expect(sum.emitted).toBe(sum.acknowledged + sum.pending + lost(sum));
          expect(sum.pending).toBe(b.pending);
          expect(sum.acknowledged).toBe(a.acknowledged + b.acknowledged);
          expect(lost(sum)).toBe(lost(a) + lost(b));
        }
      }),
    );
  });
});
