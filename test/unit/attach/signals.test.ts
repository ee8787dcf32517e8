import { expect, it } from 'vitest';
import { Signals } from '../../../src/attach/signals.ts';
import type { Fetches } from '../../../src/run/sessions.ts';

const logits = (...row: number[]): Fetches =>
  ({
    logits: { type: 'float32', location: 'cpu', dims: [1, 1, row.length], data: Float32Array.from(row) },
  }) as unknown as Fetches;

it('are none, and say why, once a row was no distribution: later rows would stand for earlier steps', () => {
  const signals = new Signals();
  for (const given of [logits(1, 2), logits(Number.NaN, 2), logits(3, 4)]) {
    signals.take(given, {}, true);
    signals.reduce(1000);
  }
  expect(signals.observed()).toEqual({ kind: 'none', why: expect.stringContaining('not numbers') });
});
