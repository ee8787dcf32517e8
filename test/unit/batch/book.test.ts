import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountOf, type Entry, emptyBook, enter } from '../../../src/batch/book.ts';
import { rangesOf } from '../../../src/batch/ranges.ts';
import type { Account } from '../../../src/protocol/telemetry.ts';

const lives = ['a', 'b'].map((letter) => ({
  session: letter.repeat(32),
  epoch: 0,
  signal: 'logs' as const,
}));
const life = fc.constantFrom(...lives);
const seq = fc.nat(30);
const ranges = fc.uniqueArray(seq).map(rangesOf);
const reason = fc.constantFrom('journal_full', 'too_large', 'refused_400');

const entries: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('emitted' as const), life, seq }) },
  fc.record({ kind: fc.constant('adopted' as const), life, ranges }),
  fc.record({
    kind: fc.constant('settled' as const),
    stored: fc.array(
      fc.tuple(life, ranges).map(([owner, covered]) => ({ ...owner, ranges: covered })),
      { maxLength: 3 },
    ),
    rejected: fc.dictionary(fc.constantFrom('schema', 'masking'), fc.nat(40)),
  }),
  fc.record({ kind: fc.constant('dropped' as const), life, ranges, reason }),
  fc.record({ kind: fc.constant('withheld' as const), reason: fc.constant('no_consent') }),
  fc.record({ kind: fc.constant('cleared' as const), reason: fc.constant('consent_withdrawn') }),
);

const sum = (counts: Account['dropped']): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

describe('the ledger', () => {
  it('balances after any sequence of events', () => {
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 60 }), (sequence) => {
        let book = emptyBook;
        for (const entry of sequence) {
          book = enter(book, entry);
          const { emitted, acknowledged, pending, dropped } = accountOf(book);
          expect(emitted).toBe(acknowledged + pending + sum(dropped));
          for (const count of [acknowledged, pending, ...Object.values(dropped)])
            expect(count).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('only ever counts up, except pending', () => {
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 40 }), (sequence) => {
        let before = accountOf(emptyBook);
        let book = emptyBook;
        for (const entry of sequence) {
          book = enter(book, entry);
          const after = accountOf(book);
          expect(after.emitted).toBeGreaterThanOrEqual(before.emitted);
          expect(after.acknowledged).toBeGreaterThanOrEqual(before.acknowledged);
          expect(sum(after.dropped)).toBeGreaterThanOrEqual(sum(before.dropped));
          before = after;
        }
      }),
    );
  });

  it('acknowledges a record once, however often it is answered for', () => {
    const [owner = { session: '', epoch: 0, signal: 'logs' }] = lives;
    const answer: Entry = { kind: 'settled', stored: [{ ...owner, ranges: [[0, 9]] }], rejected: {} };
    let book = enter(emptyBook, { kind: 'emitted', life: owner, seq: 3 });
    for (let times = 0; times < 3; times++) book = enter(book, answer);
    expect(accountOf(book)).toEqual({ emitted: 1, acknowledged: 1, pending: 0, dropped: {} });
  });

  it('counts what the collector refused under its reason, not as acknowledged', () => {
    const [owner = { session: '', epoch: 0, signal: 'logs' }] = lives;
    let book = enter(emptyBook, { kind: 'adopted', life: owner, ranges: [[0, 4]] });
    book = enter(book, {
      kind: 'settled',
      stored: [{ ...owner, ranges: [[0, 4]] }],
      rejected: { schema: 2 },
    });
    expect(accountOf(book)).toEqual({
      emitted: 5,
      acknowledged: 3,
      pending: 0,
      dropped: { rejected_schema: 2 },
    });
  });
});
