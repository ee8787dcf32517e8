import { describe, expect, it } from 'vitest';
import { directLogitAttribution, normScale } from '../../../src/observe/attribution/direct-logit.ts';
import { occlusion, shapley } from '../../../src/observe/attribution/shapley.ts';
import { row, scalar } from './vectors.ts';

const components = [
  [1, 0, -1, 2],
  [0.5, -1, 0, 1],
  [0, 2, 1, -1],
];
const unembed = [
  [0.2, -0.1],
  [0.4, 0.3],
  [-0.5, 0.1],
  [0.1, 0.6],
];
const bias = [0.05, -0.02];

describe('direct logit attribution', () => {
  const layer = { kind: 'layer', epsilon: 1e-5 } as const;
  const rms = { kind: 'rms', epsilon: 1e-5 } as const;

  it('is that of the published vectors, through LayerNorm and RMSNorm', () => {
    expect(normScale(row('resid'), layer)).toBeCloseTo(scalar('scale'), 9);
    expect(normScale(row('resid'), rms)).toBeCloseTo(scalar('rms scale'), 9);
    for (const [norm, key] of [
      [layer, 'dla per comp x token'],
      [rms, 'dla rms'],
    ] as const)
      for (const [i, found] of directLogitAttribution(components, unembed, norm).entries())
        for (const [token, value] of found.entries())
          expect(value).toBeCloseTo(row(key, i)[token] as number, 9);
  });

  it('sums to the logits, and its differences are those of the published vector', () => {
    const parts = directLogitAttribution(components, unembed, layer);
    for (const [token, logit] of row('logits').entries()) {
      const sum = parts.reduce((total, part) => total + (part[token] as number), bias[token] as number);
      expect(sum).toBeCloseTo(logit, 9);
      expect(sum - logit).toBeCloseTo(row('sum+b-logits')[token] as number, 9);
    }
    for (const [i, [a, b]] of parts.entries())
      expect((a as number) - (b as number)).toBeCloseTo(row('dla diff')[i] as number, 9);
  });
});

describe('values of a game', () => {
  // Coalitions as bits: {} {1} {2} {12} {3} {13} {23} {123}.
  const game = (coalition: number): number => [0, 1, 2, 5, 0, 1, 3, 7][coalition] as number;

  it('are the Shapley and occlusion values of the published vectors', () => {
    for (const [i, value] of shapley(3, game).entries())
      expect(value).toBeCloseTo(row('shapley')[i] as number, 9);
    expect([...occlusion(3, game)]).toEqual(row('occlusion'));
  });

  it('of a sum are its terms', () => {
    const terms = [0.5, -2, 3, 0.25, 1];
    const sum = (coalition: number) =>
      terms.reduce((total, term, i) => total + ((coalition >> i) & 1) * term, 0);
    for (const values of [shapley(5, sum), occlusion(5, sum)])
      for (const [i, term] of terms.entries()) expect(values[i]).toBeCloseTo(term, 12);
  });
});
