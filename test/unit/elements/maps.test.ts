import { describe, expect, it } from 'vitest';
import { headCount, headMap, isCausal } from '../../../src/elements/maps.ts';
import { onScale } from '../../../src/elements/paint.ts';
import { rove } from '../../../src/elements/rove.ts';

// [1, 2 heads, 2, 2]
const causal = {
  type: 'float32',
  dims: [1, 2, 2, 2],
  data: Float32Array.of(1, 0, 0.5, 0.5, 1, 0, 0.25, 0.75),
} as const;
const full = { type: 'float32', dims: [1, 1, 2, 2], data: Float32Array.of(0.5, 0.5, 0.1, 0.9) } as const;

describe('the maps of a capture', () => {
  it('gives one head without copying', () => {
    const map = headMap({ layers: [causal] }, 0, 1);
    expect(map).toMatchObject({ queries: 2, keys: 2 });
    expect([...(map?.weights ?? [])]).toEqual([1, 0, 0.25, 0.75]);
    expect(map?.weights.buffer).toBe(causal.data.buffer);
  });

  it('has no map where the layer is unavailable or the head is not there', () => {
    expect(headMap({ layers: [{ unavailable: 'fused' }] }, 0, 0)).toBeUndefined();
    expect(headMap({ layers: [causal] }, 0, 2)).toBeUndefined();
    expect(headMap({ layers: [causal] }, 1, 0)).toBeUndefined();
  });

  it('counts the heads of the widest layer', () => {
    expect(headCount({ layers: [full, causal, { unavailable: 'fused' }] })).toBe(2);
  });

  it('calls a model causal only when nothing is read from later tokens', () => {
    expect(isCausal({ layers: [causal] })).toBe(true);
    expect(isCausal({ layers: [causal, full] })).toBe(false);
    expect(isCausal({ layers: [{ unavailable: 'fused' }] })).toBe(false);
  });
});

describe('the measure of the colour scale', () => {
  it('is the weight itself when linear', () => {
    expect(onScale(0.25, 'linear')).toBe(0.25);
  });

  it('spreads three decades when logarithmic', () => {
    expect(onScale(1, 'log')).toBeCloseTo(1, 12);
    expect(onScale(0.1, 'log')).toBeCloseTo(2 / 3, 12);
    expect(onScale(0.001, 'log')).toBeCloseTo(0, 12);
    expect(onScale(0, 'log')).toBe(0);
  });
});

describe('the keys of a grid', () => {
  const key = (name: string, ctrlKey = false) => ({ key: name, ctrlKey, metaKey: false });
  const from = { row: 1, column: 1 };

  it('moves by one, and stops at the edge', () => {
    expect(rove(key('ArrowRight'), from, 3, 3)).toEqual({ row: 1, column: 2 });
    expect(rove(key('ArrowUp'), { row: 0, column: 1 }, 3, 3)).toEqual({ row: 0, column: 1 });
  });

  it('leaps to the ends of the row, and with Control to the corners', () => {
    expect(rove(key('End'), from, 3, 5)).toEqual({ row: 1, column: 4 });
    expect(rove(key('Home', true), from, 3, 5)).toEqual({ row: 0, column: 0 });
    expect(rove(key('PageDown'), from, 30, 5)).toEqual({ row: 11, column: 1 });
  });

  it('leaves other keys to the page', () => {
    expect(rove(key('Tab'), from, 3, 3)).toBeUndefined();
  });
});
