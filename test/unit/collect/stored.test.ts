import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StoredRecords } from '../../../src/collect/stored.ts';

const life = { session: 'a'.repeat(32), epoch: 0 };
const part = fc.record({ seq: fc.nat(60), count: fc.nat(12) });

describe('the numbers stored', () => {
  it('are a set, told as sorted ranges with neighbours joined; what is below the highest and absent is missing', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
        const stored = new StoredRecords();
        const numbers = new Set<number>();
        for (const { seq, count } of parts) {
          stored.add({ ...life, seq }, count);
          for (let index = 0; index < count; index++) numbers.add(seq + index);
        }
        const { ranges } = stored.rangesOf(life);
        const told = ranges.flatMap(([first, last]) =>
          Array.from({ length: last - first + 1 }, (_, index) => first + index),
        );
        expect(told).toEqual([...numbers].sort((a, b) => a - b));
        for (const [index, [first]] of ranges.entries()) {
          const before = ranges[index - 1];
          if (before !== undefined) expect(first).toBeGreaterThan(before[1] + 1);
        }
        expect(stored.missing).toBe(Math.max(-1, ...numbers) + 1 - numbers.size);
        for (let seq = 0; seq < 75; seq++) expect(stored.has(life, seq)).toBe(numbers.has(seq));
      }),
    );
  });

  it('of one life say nothing of another', () => {
    const stored = new StoredRecords();
    stored.add({ ...life, seq: 0 }, 5);
    expect(stored.has({ ...life, epoch: 1 }, 0)).toBe(false);
    expect(stored.rangesOf({ ...life, epoch: 1 }).ranges).toEqual([]);
  });
});
