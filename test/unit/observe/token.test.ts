import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokenStatistics } from '../../../src/kernels/token-statistics.ts';
import { observeClasses } from '../../../src/observe/classes.ts';
import { energy } from '../../../src/observe/energy.ts';
import { entropy, normalisedEntropy } from '../../../src/observe/entropy.ts';
import { giniImpurity } from '../../../src/observe/gini.ts';
import { margin } from '../../../src/observe/margin.ts';
import { meanSurprisal, perplexity, surprisal } from '../../../src/observe/perplexity.ts';
import { selfCertainty } from '../../../src/observe/self-certainty.ts';
import { softmax } from '../../../src/observe/softmax.ts';
import { observeStatistics, type TokenSignals } from '../../../src/observe/token.ts';
import { topK } from '../../../src/observe/top-k.ts';
import { varentropy } from '../../../src/observe/varentropy.ts';
import { nats } from '../../../src/shared/units.ts';
import { row, scalar } from './vectors.ts';

const logits = new Float32Array([2, 1, 0, -1]);
const p = row('p');

describe('signals of a distribution', () => {
  it('are those of the published vectors', () => {
    softmax(logits).forEach((value, index) => {
      expect(value).toBeCloseTo(p[index] as number, 9);
    });
    expect(entropy(p)).toBeCloseTo(scalar('H'), 9);
    expect(entropy(p) / Math.LN2).toBeCloseTo(scalar('Hbits'), 9);
    expect(Math.exp(entropy(p))).toBeCloseTo(scalar('exp(H)'), 9);
    expect(normalisedEntropy(p)).toBeCloseTo(scalar('Hnorm'), 9);
    expect(varentropy(p)).toBeCloseTo(scalar('V'), 9);
    expect(margin(p)).toBeCloseTo(scalar('margin'), 9);
    expect(selfCertainty(p)).toBeCloseTo(scalar('selfcert'), 9);
    expect(giniImpurity(p)).toBeCloseTo(scalar('gini'), 9);
    expect(energy(logits)).toBeCloseTo(scalar('energy T1'), 9);
    expect(energy(logits, 2)).toBeCloseTo(scalar('energy T2'), 9);
  });

  it('are 0 where nothing is uncertain', () => {
    expect(entropy([1, 0, 0])).toBe(0);
    expect(normalisedEntropy([1])).toBe(0);
    expect(varentropy([0.25, 0.25, 0.25, 0.25])).toBeCloseTo(0, 12);
    expect(margin([1])).toBe(1);
  });
});

describe('signals of a sequence', () => {
  const sequence = [0.9, 0.5, 0.8].map((chance) => nats(Math.log(chance)));

  it('are those of the published vectors', () => {
    expect(meanSurprisal(sequence) * 3).toBeCloseTo(scalar('seq nll'), 9);
    expect(meanSurprisal(sequence)).toBeCloseTo(scalar('perp lmpoly (mean nll)'), 9);
    expect(perplexity(sequence)).toBeCloseTo(scalar('ppl'), 9);
    expect(surprisal(nats(-2))).toBe(2);
  });

  it('do not exist for an empty sequence', () => {
    expect(perplexity([])).toBeNaN();
  });
});

describe('signals of a token', () => {
  const observe = (row: Float32Array, chosen: number, k: number): TokenSignals =>
    observeStatistics(tokenStatistics(row, Math.max(k, 2)), row[chosen] as number, k);

  it('agrees with the published vectors', () => {
    const signals = observe(logits, 1, 3);
    expect(signals.confidence).toBeCloseTo(p[1] as number, 9);
    expect(signals.logProbability).toBeCloseTo(Math.log(p[1] as number), 9);
    expect(signals.entropy).toBeCloseTo(scalar('H'), 9);
    expect(signals.margin).toBeCloseTo(scalar('margin'), 9);
    expect(signals.topK.map(({ id }) => id)).toEqual([0, 1, 2]);
    expect(signals.topK[2]?.probability).toBeCloseTo(p[2] as number, 9);
  });

  it('agrees with softmax and entropy written out, on any row, masked tokens included', () => {
    const logit = fc.oneof(
      { weight: 9, arbitrary: fc.float({ min: -80, max: 80, noNaN: true }) },
      { weight: 1, arbitrary: fc.constant(Number.NEGATIVE_INFINITY) },
    );
    fc.assert(
      fc.property(
        fc.array(logit, { minLength: 2, maxLength: 300 }),
        fc.nat(),
        fc.nat(12),
        (values, seed, k) => {
          fc.pre(values.some(Number.isFinite));
          const chosen = seed % values.length;
          const signals = observe(Float32Array.from(values), chosen, k);
          const probabilities = softmax(values);
          expect(signals.confidence).toBeCloseTo(probabilities[chosen] as number, 9);
          expect(signals.entropy).toBeCloseTo(entropy(probabilities), 9);
          expect(signals.margin).toBeCloseTo(margin(probabilities), 9);
          expect(signals.topK).toHaveLength(Math.min(k, values.filter(Number.isFinite).length));
        },
      ),
    );
  });

  it('does not overflow where exp(logit) does', () => {
    const signals = observe(new Float32Array([1000, 999, -1000]), 0, 1);
    expect(signals.confidence).toBeCloseTo(1 / (1 + Math.exp(-1)), 9);
  });

  it.each([
    ['NaN', [0, Number.NaN]],
    ['+inf', [0, Number.POSITIVE_INFINITY]],
    ['nothing but -inf', [Number.NEGATIVE_INFINITY]],
  ])('refuses a row with %s by name', (_, values) => {
    expect(() => observe(Float32Array.from(values), 0, 1)).toThrowError(
      expect.objectContaining({ code: 'run_failed' }),
    );
  });
});

describe('topK', () => {
  it('gives what sorting the whole row gives, ties by index', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 })), fc.nat(12), (values, k) => {
        const sorted = values
          .map((_, index) => index)
          .sort((a, b) => (values[b] as number) - (values[a] as number));
        expect(topK(values, k)).toEqual(sorted.slice(0, k));
      }),
    );
  });
});

describe('observeClasses', () => {
  it('divides by the temperature and keeps the winner', () => {
    const cold = observeClasses(logits, 1);
    const warm = observeClasses(logits, 2);
    expect(cold.confidence).toBeCloseTo(p[0] as number, 9);
    expect(cold.entropy).toBeCloseTo(scalar('H'), 9);
    expect(warm.best).toBe(0);
    expect(warm.confidence).toBeCloseTo(Math.exp(1 - scalar('energy T2') / -2), 9);
    expect(warm.confidence).toBeLessThan(cold.confidence);
  });
});
