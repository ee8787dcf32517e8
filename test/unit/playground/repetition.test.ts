import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findRepetition } from '../../../src/playground/repetition.ts';

const count = (from: number, length: number): number[] => Array.from({ length }, (_, at) => from + at);

describe('a stretch that comes twice in a row', () => {
  it('is found behind and before other tokens', () => {
    const line = count(10, 9);
    expect(findRepetition([1, 2, ...line, ...line, 3])).toEqual({ start: 2, length: 9 });
  });

  it('is not seen in seven tokens, which ordinary text repeats too', () => {
    const line = count(10, 7);
    expect(findRepetition([...line, ...line])).toBeUndefined();
  });

  it('is not seen where something stands between the copies', () => {
    const line = count(10, 9);
    expect(findRepetition([...line, 1, ...line])).toBeUndefined();
  });

  it('is always a real one', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 60 }), (ids) => {
        const found = findRepetition(ids);
        if (found === undefined) return;
        const { start, length } = found;
        expect(ids.slice(start, start + length)).toEqual(ids.slice(start + length, start + 2 * length));
      }),
    );
  });
});
