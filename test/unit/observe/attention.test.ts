import { describe, expect, it } from 'vitest';
import {
  attentionEntropies,
  meanAttentionEntropy,
} from '../../../src/observe/attention/attention-entropy.ts';
import {
  firstTokenMass,
  inductionScore,
  previousTokenScore,
  strongest,
} from '../../../src/observe/attention/head-scores.ts';
import { attentionFlow } from '../../../src/observe/attention/max-flow.ts';
import { headPattern, type Pattern } from '../../../src/observe/attention/pattern.ts';
import { meanOfHeads, rollout, withResidual } from '../../../src/observe/attention/rollout.ts';
import { row, scalar } from './vectors.ts';

const pattern = (rows: readonly (readonly number[])[]): Pattern => ({
  weights: Float64Array.from(rows.flat()),
  queries: rows.length,
  keys: rows[0]?.length ?? 0,
});

const first = pattern([
  [1, 0, 0],
  [0.5, 0.5, 0],
  [0.2, 0.3, 0.5],
]);
const second = pattern([
  [1, 0, 0],
  [0.4, 0.6, 0],
  [0.1, 0.1, 0.8],
]);

const expectClose = (actual: ArrayLike<number>, expected: readonly number[]) => {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((value, i) => {
    expect(actual[i]).toBeCloseTo(value, 9);
  });
};

describe('scores of one head', () => {
  it('are those of the published vectors', () => {
    expectClose(attentionEntropies(first), row('attnH'));
    expect(meanAttentionEntropy(first) * 3).toBeCloseTo(Math.LN2 + (row('attnH')[2] as number), 9);
    expect(previousTokenScore(first)).toBeCloseTo(scalar('prev mean diag'), 9);
    expect(firstTokenMass(first)).toBeCloseTo(scalar('bos mean rows1..'), 9);
  });

  it('name the strongest weight and where it is', () => {
    expect(
      strongest(
        pattern([
          [0.1, 0.2],
          [0.7, 0.3],
        ]),
      ),
    ).toEqual({ weight: 0.7, query: 1, key: 0 });
  });

  it('give a perfect induction head 1 and a previous-token head 0', () => {
    const tokens = Array.from({ length: 8 }, (_, i) => i);
    const looksAt = (key: (query: number) => number) =>
      pattern(tokens.map((query) => tokens.map((k) => Number(k === key(query)))));
    expect(inductionScore(looksAt((query) => (query < 4 ? 0 : query - 3)))).toBe(1);
    expect(inductionScore(looksAt((query) => Math.max(0, query - 1)))).toBe(0);
    expect(previousTokenScore(looksAt((query) => query - 1))).toBe(1);
  });

  it('do not exist for a single token', () => {
    expect(previousTokenScore(pattern([[1]]))).toBeNaN();
  });
});

describe('over the layers', () => {
  it('rollout is that of the published vectors, with and without the residual stream', () => {
    const mixed = rollout([first, second].map(withResidual));
    const bare = rollout([first, second]);
    for (const [i] of [0, 1, 2].entries()) {
      expectClose(mixed.weights.subarray(i * 3, i * 3 + 3), row('rollout', i));
      expectClose(bare.weights.subarray(i * 3, i * 3 + 3), row('rollout noresid', i));
    }
  });

  it('maximum flow is that of the published vectors', () => {
    const flow = attentionFlow([first, second].map(withResidual), 2);
    expectClose(flow, row('flow raw'));
    const sum = flow.reduce((total, value) => total + value, 0);
    expectClose(
      flow.map((value) => value / sum),
      row('flow norm'),
    );
  });

  it('maximum flow finds the way back that a greedy path misses', () => {
    // Both tokens want key 0 of the layer below; only token 1 has another way to input 1.
    const lower = pattern([
      [0.5, 0.5],
      [0, 1],
    ]);
    const upper = pattern([
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
    expectClose(attentionFlow([lower, upper], 0), [0.5, 1]);
  });

  it('the mean over heads is the mean', () => {
    expectClose(meanOfHeads([first, second]).weights, [1, 0, 0, 0.45, 0.55, 0, 0.15, 0.2, 0.65]);
  });
});

describe('a head of a captured pattern', () => {
  const tensor = {
    type: 'float32',
    dims: [1, 2, 2, 2],
    data: Float32Array.of(1, 0, 0.5, 0.5, 1, 0, 0.25, 0.75),
  } as const;

  it('is a view of its own weights', () => {
    expect([...headPattern(tensor, 1).weights]).toEqual([1, 0, 0.25, 0.75]);
    expect(headPattern(tensor, 1).weights.buffer).toBe(tensor.data.buffer);
  });

  it('is an error where there is no such head', () => {
    expect(() => headPattern(tensor, 2)).toThrowError(expect.objectContaining({ code: 'invalid_argument' }));
  });
});
