import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pageModels, recordedUrl } from '../../../src/playground/examples.ts';
import { restore, type StoredReading, store } from '../../../src/playground/recorded.ts';

const stored = (url: string): StoredReading =>
  JSON.parse(readFileSync(new URL(`../../../public/${url}`, import.meta.url), 'utf8')) as StoredReading;

describe.each(pageModels)('the recorded example of $id', (model) => {
  const reading = restore(stored(recordedUrl(model)));

  it('is the first example of the page', () => {
    expect(reading.text).toBe(model.examples[0]);
  });

  it('is small enough to be on screen at once', () => {
    const url = new URL(`../../../public/${recordedUrl(model)}`, import.meta.url);
    expect(readFileSync(url).length).toBeLessThan(300_000);
  });

  it('holds attention whose rows sum to 1 within the rounding it states', () => {
    const { maps } = reading.insides;
    expect(maps.layers.length).toBe(reading.model.layers);
    for (const layer of maps.layers) {
      if ('unavailable' in layer) throw new Error(layer.unavailable);
      const keys = layer.dims[3] as number;
      for (let row = 0; row * keys < layer.data.length; row++) {
        const sum = layer.data.subarray(row * keys, (row + 1) * keys).reduce((a, b) => a + b, 0);
        expect(Math.abs(sum - 1)).toBeLessThan(keys * (maps.precision as number) + 1e-5);
      }
    }
  });

  it('comes back the same from a second saving', () => {
    expect(store(reading, '2026-01-01T00:00:00.000Z').insides).toEqual(stored(recordedUrl(model)).insides);
  });
});
