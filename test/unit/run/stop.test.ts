import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { captureBytes, requireBudget } from '../../../src/run/budget.ts';
import { createStopWatch } from '../../../src/run/stop.ts';

const word = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), minLength: 1, maxLength: 4 });

describe('a stop watch', () => {
  it('stops where the first stop string begins, however the text is cut', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), fc.array(word, { maxLength: 3 }), (pieces, stops) => {
        const watch = createStopWatch(stops);
        let text = '';
        let end: number | undefined;
        for (const piece of pieces) {
          watch.push(piece);
          text += piece;
          const found = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
          if (found.length > 0) {
            end = Math.min(...found);
            break;
          }
        }
        expect(watch.isStopped).toBe(end !== undefined);
        expect(watch.text).toBe(text.slice(0, end));
      }),
    );
  });

  it('never calls certain what a later piece may turn into a stop string', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), fc.array(word, { maxLength: 3 }), (pieces, stops) => {
        const watch = createStopWatch(stops);
        let certain = '';
        for (const piece of pieces) {
          watch.push(piece);
          expect(watch.text.startsWith(certain)).toBe(true);
          certain = watch.text.slice(0, watch.certain);
        }
        const whole = pieces.join('');
        if (stops.length === 0) expect(certain).toBe(whole);
      }),
    );
  });
});

describe('the budget of a capture', () => {
  const hook = (name: string, dims: readonly (string | number)[]) => ({
    name,
    dims,
    source: { kind: 'tap', tensor: name } as const,
  });
  it('counts every row whole, and an encoder by its own tokens', () => {
    const hooks = [
      hook('decoder.blocks.0.attn.hook_pattern', ['batch', 4, 'query', 'key']),
      hook('decoder.blocks.0.cross_attn.hook_pattern', ['batch', 4, 'query', 'key']),
      hook('encoder.blocks.0.hook_resid_post', ['batch', 'position', 64]),
    ];
    expect(captureBytes(hooks, 10, 3)).toBe(4 * (4 * 10 * 10 + 4 * 10 * 3 + 3 * 64));
  });
  it('refuses more by name', () => {
    requireBudget(100, 100);
    expect(() => requireBudget(3 * 2 ** 20, 2 ** 20)).toThrow(
      expect.objectContaining({ code: 'capture_too_large' }),
    );
  });
});
