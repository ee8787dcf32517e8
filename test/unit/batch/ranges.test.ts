import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { includes, intersect, rangesOf, sizeOf, subtract, union } from '../../../src/batch/ranges.ts';

const numbers = fc.uniqueArray(fc.nat(60));
const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);
const members = (ranges: readonly (readonly [number, number])[]): number[] =>
  ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, index) => first + index));

describe('ranges', () => {
  it('are the set they were made of, sorted, disjoint and joined', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const ranges = rangesOf(values);
        expect(members(ranges)).toEqual(sorted(values));
        expect(sizeOf(ranges)).toBe(values.length);
        for (const [index, [first]] of ranges.entries()) {
          const previous = ranges[index - 1];
          if (previous !== undefined) expect(first).toBeGreaterThan(previous[1] + 1);
        }
      }),
    );
  });

  it('join, meet and differ as sets do', () => {
    fc.assert(
      fc.property(numbers, numbers, fc.nat(60), (a, b, probe) => {
        const [x, y] = [rangesOf(a), rangesOf(b)];
        const inB = new Set(b);
        expect(members(union(x, y))).toEqual(sorted(new Set([...a, ...b])));
        expect(members(intersect(x, y))).toEqual(sorted(a.filter((value) => inB.has(value))));
        expect(members(subtract(x, y))).toEqual(sorted(a.filter((value) => !inB.has(value))));
        expect(includes(x, probe)).toBe(a.includes(probe));
      }),
    );
  });
});
