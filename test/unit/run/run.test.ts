import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidatesOf } from '../../../src/kernels/token-statistics.ts';
import { createMutex } from '../../../src/run/mutex.ts';
import { createSampler, type Sampler } from '../../../src/run/sample.ts';
import { stitch, stitchedDims } from '../../../src/run/stitch.ts';
import { halfToFloat } from '../../../src/shared/half.ts';
import type { Hook } from '../../../src/shared/hook.ts';
import type { FloatTensor } from '../../../src/shared/tensor.ts';

const hook = (name: string, dims: Hook['dims']): Hook => ({
  name,
  dims,
  source: { kind: 'tap', tensor: name },
});
const tensor = (dims: number[], data: number[]): FloatTensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data),
});

describe('the mutex', () => {
  it('runs one piece of work at a time, in order, also after one that failed', async () => {
    const exclusive = createMutex();
    const log: string[] = [];
    const work = (name: string, fails: boolean) =>
      exclusive(async () => {
        log.push(`${name} in`);
        await new Promise((resolve) => setTimeout(resolve, 5));
        log.push(`${name} out`);
        if (fails) throw new Error(name);
      });
    await Promise.allSettled([work('a', false), work('b', true), work('c', false)]);
    expect(log).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });
});

describe('half precision', () => {
  // Rows of the binary16 tables in IEEE 754: smallest subnormal and normal, one, largest, and the specials.
  it.each([
    [0x0001, 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3c00, 1],
    [0x3555, 0.333251953125],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x8000, -0],
  ])('%i is %d', (bits, value) => {
    expect(halfToFloat(bits)).toBe(value);
  });
  it('keeps NaN', () => expect(halfToFloat(0x7e00)).toBeNaN());
});

describe('sampling', () => {
  const logits = Float32Array.from([0, 2, 1, -1]);
  const draw = ({ k, temperature, penalty, random, choose }: Sampler, row = logits): number | undefined =>
    choose(candidatesOf(row, k, { temperature, penalty, seen: new Uint32Array(1) }), random());

  it('without a temperature takes the likeliest token', () => {
    expect(draw(createSampler({}))).toBe(1);
  });

  it('gives the same tokens for the same seed and others for another', () => {
    const drawn = (seed: number): (number | undefined)[] => {
      const sampler = createSampler({ temperature: 1.5, seed });
      return Array.from({ length: 40 }, () => draw(sampler));
    };
    expect(drawn(7)).toEqual(drawn(7));
    expect(drawn(7)).not.toEqual(drawn(8));
  });

  it('draws each token as often as softmax(logits / temperature) says', () => {
    const sampler = createSampler({ temperature: 0.8, seed: 3 });
    const counts = [0, 0, 0, 0];
    const draws = 20_000;
    for (let count = 0; count < draws; count++) {
      const id = draw(sampler) ?? -1;
      counts[id] = (counts[id] ?? 0) + 1;
    }
    const weights = Array.from(logits, (logit) => Math.exp(logit / 0.8));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    weights.forEach((weight, id) => {
      const expected = weight / total;
      const fiveSigma = 5 * Math.sqrt((expected * (1 - expected)) / draws);
      expect(Math.abs((counts[id] ?? 0) / draws - expected)).toBeLessThan(fiveSigma);
    });
  });

  it('never leaves the top k, nor the nucleus', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect([1, 2]).toContain(draw(createSampler({ temperature: 5, topK: 2, seed })));
        // p = 0.64, 0.24, 0.09, 0.03: the smallest set with at least 0.7 is the first two.
        expect([1, 2]).toContain(draw(createSampler({ temperature: 1, topP: 0.7, seed })));
      }),
    );
  });
});

describe('stitching the steps of a generation', () => {
  it('joins pattern rows to [q, k] with probability 0 where a causal mask lies', () => {
    const pattern = hook('blocks.0.attn.hook_pattern', ['batch', 'head', 'query', 'key']);
    // Prefill of two tokens, then two steps of one, two heads.
    const parts = [
      tensor([1, 2, 2, 2], [1, 0, 0.4, 0.6, 1, 0, 0.3, 0.7]),
      tensor([1, 2, 1, 3], [0.1, 0.2, 0.7, 0.5, 0.25, 0.25]),
      tensor([1, 2, 1, 4], [0.1, 0.2, 0.3, 0.4, 0.7, 0.1, 0.1, 0.1]),
    ];
    const whole = stitch(pattern, parts);
    expect(whole.dims).toEqual([1, 2, 4, 4]);
    expect(
      stitchedDims(
        pattern,
        parts.map(({ dims }) => dims),
      ),
    ).toEqual(whole.dims);
    expect(Array.from(whole.data)).toEqual(
      // biome-ignore format: a matrix reads as one
      Array.from(Float32Array.from([
        1, 0, 0, 0,  0.4, 0.6, 0, 0,  0.1, 0.2, 0.7, 0,  0.1, 0.2, 0.3, 0.4,
        1, 0, 0, 0,  0.3, 0.7, 0, 0,  0.5, 0.25, 0.25, 0,  0.7, 0.1, 0.1, 0.1,
      ])),
    );
  });

  it('fills masked scores with the lowest float32, as PyTorch does', () => {
    const scores = hook('blocks.0.attn.hook_attn_scores', ['batch', 'head', 'query', 'key']);
    const whole = stitch(scores, [tensor([1, 1, 1, 1], [3]), tensor([1, 1, 1, 2], [1, 2])]);
    expect(Array.from(whole.data)).toEqual([3, -3.4028234663852886e38, 1, 2]);
  });

  it('joins keys that a step gives only for its new tokens, and takes the last of those that hold the cache', () => {
    const keys = hook('blocks.0.attn.hook_k', ['batch', 'key', 2, 1]);
    const fresh = [
      tensor([1, 2, 2, 1], [1, 2, 3, 4]),
      tensor([1, 1, 2, 1], [5, 6]),
      tensor([1, 1, 2, 1], [7, 8]),
    ];
    expect(stitch(keys, fresh)).toMatchObject({
      dims: [1, 4, 2, 1],
      data: Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]),
    });
    const cached = [tensor([1, 1, 2, 1], [1, 2]), tensor([1, 2, 2, 1], [1, 2, 3, 4])];
    expect(stitch(keys, cached)).toMatchObject({ dims: [1, 2, 2, 1], data: Float32Array.from([1, 2, 3, 4]) });
  });

  it('joins residual rows along the position', () => {
    const resid = hook('blocks.0.hook_resid_post', ['batch', 'position', 'd_model']);
    const whole = stitch(resid, [tensor([1, 2, 2], [1, 2, 3, 4]), tensor([1, 1, 2], [5, 6])]);
    expect(whole).toMatchObject({ dims: [1, 3, 2], data: Float32Array.from([1, 2, 3, 4, 5, 6]) });
  });
});
