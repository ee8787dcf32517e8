import { expect, it } from 'vitest';
import { isCausal } from '../../../src/elements/maps.ts';
import { GrowingMaps, joined } from '../../../src/playground/growing-maps.ts';
import type { Stack } from '../../../src/playground/stack.ts';
import { stitch } from '../../../src/run/stitch.ts';
import type { FloatTensor } from '../../../src/shared/tensor.ts';

const heads = 2;
const rows = (queries: number, keys: number, seed: number): FloatTensor => ({
  type: 'float32',
  dims: [1, heads, queries, keys],
  data: Float32Array.from({ length: heads * queries * keys }, (_, at) => seed + at / 100),
});
const hook = {
  name: 'blocks.0.attn.hook_pattern',
  dims: ['batch', 'head', 'query', 'key'],
  source: { kind: 'tap', tensor: 't' },
} as const;

it('joins the rows of steps into what the capture of the whole generation gives', () => {
  const parts = [rows(3, 3, 1), rows(1, 4, 2), rows(1, 5, 3)];
  expect(joined(parts)).toEqual(stitch(hook, parts));
});

const stack = (layers: number): Stack => ({ name: 'whole model', prefix: '', layers, attention: 'attn' });

it('draws no more often than the page can bear, and says why a layer is not there', () => {
  const why = {
    ...hook,
    name: 'blocks.1.attn.hook_pattern',
    source: { kind: 'unavailable', reason: 'hidden' },
  } as const;
  const growing = new GrowingMaps([hook, why], stack(2));
  expect(growing.add([], 1000)).toBeUndefined();
  const first = growing.add([{ [hook.name]: rows(3, 3, 1) }], 2000);
  expect(first?.layers[1]).toEqual({ unavailable: 'hidden' });
  expect(growing.add([{ [hook.name]: rows(1, 4, 2) }], 2100)).toBeUndefined();
  const third = growing.add([{ [hook.name]: rows(1, 5, 3) }], 2300);
  expect(third?.layers[0]).toMatchObject({ dims: [1, heads, 5, 5] });
  expect(third?.causal).toBe(false);
});

it('knows a causal mask from the rows as they come, as one look at the whole does', () => {
  for (const allowed of [0, 1]) {
    const first = rows(3, 3, 1);
    for (let head = 0; head < heads; head++)
      for (let query = 0; query < 3; query++) {
        const row = (head * 3 + query) * 3;
        first.data.fill(0, row + Math.min(3, query + 1 + allowed), row + 3);
      }
    const growing = new GrowingMaps([hook], stack(1));
    growing.add([{ [hook.name]: first }], 1);
    const maps = growing.add([{ [hook.name]: rows(1, 4, 2) }], 1000);
    expect(maps?.layers[0]).toEqual(stitch(hook, [first, rows(1, 4, 2)]));
    expect(maps?.causal).toBe(allowed === 0);
    expect(maps && isCausal({ layers: maps.layers })).toBe(allowed === 0);
  }
});
