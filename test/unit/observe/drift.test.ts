import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { centroid, cosineDistance, euclideanDistance } from '../../../src/observe/drift/centroid.ts';
import { kolmogorovSmirnov } from '../../../src/observe/drift/kolmogorov-smirnov.ts';
import { covariance, fitGaussian, squaredMahalanobis } from '../../../src/observe/drift/mahalanobis.ts';
import { squaredMmd } from '../../../src/observe/drift/mmd.ts';
import { spearman } from '../../../src/observe/drift/rank.ts';
import { wasserstein1 } from '../../../src/observe/drift/wasserstein.ts';
import { softmax } from '../../../src/observe/softmax.ts';
import {
  hellingerDistance,
  jensenShannonDivergence,
  klDivergence,
  populationStabilityIndex,
  totalVariation,
} from '../../../src/shared/divergences.ts';
import { row, scalar } from './vectors.ts';

const reference = [0.25, 0.25, 0.25, 0.25];
const current = [0.1, 0.2, 0.3, 0.4];

describe('divergences of two histograms', () => {
  it('are those of the published vectors', () => {
    expect(populationStabilityIndex(reference, current)).toBeCloseTo(scalar('psi'), 9);
    expect(klDivergence(reference, current)).toBeCloseTo(scalar('KL(ref||cur)'), 9);
    expect(klDivergence(current, reference)).toBeCloseTo(scalar('KL(cur||ref)'), 9);
    const js = jensenShannonDivergence(reference, current);
    expect(js).toBeCloseTo(scalar('JSdiv e'), 9);
    expect(Math.sqrt(js)).toBeCloseTo(scalar('JSdist e'), 9);
    expect(js / Math.LN2).toBeCloseTo(scalar('JSdiv 2'), 9);
    expect(Math.sqrt(js / Math.LN2)).toBeCloseTo(scalar('JSdist 2'), 9);
    expect(hellingerDistance(reference, current)).toBeCloseTo(scalar('hellinger'), 9);
    expect(totalVariation(reference, current)).toBeCloseTo(scalar('TV'), 9);
    const halfJeffreys = (klDivergence(reference, current) + klDivergence(current, reference)) / 2;
    expect(halfJeffreys).toBeCloseTo(scalar('halfJeffreys (tuned-lens "JS")'), 9);
    expect(halfJeffreys).toBeCloseTo(populationStabilityIndex(reference, current) / 2, 9);
  });

  it('say what an empty bin does', () => {
    const [full, gap] = [
      [0.4, 0.3, 0.2, 0.1],
      [0.5, 0.3, 0.2, 0],
    ] as const;
    expect(populationStabilityIndex(gap, full)).toBeCloseTo(scalar('psi zero eps1e-4'), 9);
    expect(klDivergence(full, gap)).toBe(Number.POSITIVE_INFINITY);
    expect(klDivergence(gap, full)).toBeLessThan(1);
  });

  it('are 0 for equal histograms, bounded, and symmetric where they are metrics', () => {
    const histogram = fc
      .array(fc.integer({ min: 0, max: 50 }), { minLength: 5, maxLength: 5 })
      .filter((counts) => counts.some((count) => count > 0))
      .map((counts) => counts.map((count) => count / counts.reduce((a, b) => a + b, 0)));
    fc.assert(
      fc.property(histogram, histogram, (p, q) => {
        for (const distance of [hellingerDistance, totalVariation, jensenShannonDivergence]) {
          expect(distance(p, p)).toBeCloseTo(0, 9);
          expect(distance(p, q)).toBeCloseTo(distance(q, p), 9);
          expect(distance(p, q)).toBeLessThanOrEqual(1 + 1e-12);
        }
        // Pinsker's inequality ties two of them together.
        expect(klDivergence(p, q)).toBeGreaterThanOrEqual(2 * totalVariation(p, q) ** 2 - 1e-12);
      }),
    );
  });

  it('refuse histograms over different bins', () => {
    expect(() => totalVariation([1], [0.5, 0.5])).toThrowError(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });
});

describe('Wasserstein distance', () => {
  it('is that of the published vectors', () => {
    expect(wasserstein1([0, 1, 3], [5, 6, 8])).toBeCloseTo(scalar('W1 a'), 9);
    // Over the reference's standard deviation it has no unit.
    expect(wasserstein1([0, 1, 3], [5, 6, 8]) / Math.sqrt(14 / 9)).toBeCloseTo(scalar('W1norm'), 9);
    expect(wasserstein1([0, 1, 3], [1, 2])).toBeCloseTo(scalar('W1 unequal'), 9);
  });

  it('is the size of a shift, and does not exist without values', () => {
    const values = fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.integer({ min: -50, max: 50 }), (sample, shift) => {
        expect(
          wasserstein1(
            sample,
            sample.map((value) => value + shift),
          ),
        ).toBeCloseTo(Math.abs(shift), 9);
      }),
    );
    expect(wasserstein1([], [1])).toBeNaN();
  });
});

describe('distances of embeddings', () => {
  const X = [
    [1, 2],
    [2, 1],
    [3, 4],
    [4, 3],
    [5, 5],
  ];
  const Y = [
    [2, 2],
    [3, 1],
    [4, 2],
  ];

  it('are those of the published vectors', () => {
    expect([...covariance(X)]).toEqual([...row('cov', 0), ...row('cov', 1)]);
    expect(squaredMahalanobis(fitGaussian(X), [5, 1])).toBeCloseTo(scalar('mahal d2'), 9);
    expect(Math.sqrt(squaredMahalanobis(fitGaussian(X), [5, 1]))).toBeCloseTo(scalar('mahal d'), 9);
    // Divided by n instead of n - 1 the covariance is 4/5 of it.
    expect((squaredMahalanobis(fitGaussian(X), [5, 1]) * 5) / 4).toBeCloseTo(scalar('mahal d2 popcov'), 9);
    expect(squaredMmd(X, Y, 1)).toBeCloseTo(scalar('mmd2u sigma=1'), 9);
    expect(squaredMmd(X, Y, Math.SQRT2)).toBeCloseTo(scalar('mmd2u sigma2=2'), 9);
    expect(squaredMahalanobis(fitGaussian(X, 1e-2), [5, 1])).toBeCloseTo(scalar('mahal d2 (cov+1e-2 I)'), 9);
    expect(euclideanDistance(centroid(X), centroid(Y))).toBeCloseTo(scalar('centroid eu'), 9);
    expect(cosineDistance(centroid(X), centroid(Y))).toBeCloseTo(scalar('centroid cos'), 9);
  });

  it('refuse a baseline without an invertible covariance', () => {
    const line = [
      [1, 2],
      [2, 4],
      [3, 6],
    ];
    expect(() => fitGaussian(line)).toThrowError(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => fitGaussian(line, 0.1)).not.toThrow();
  });
});

describe('statistics of two samples', () => {
  const golden = JSON.parse(readFileSync(new URL('calibration-golden.json', import.meta.url), 'utf8')).drift;
  const card = JSON.parse(
    readFileSync(new URL('../../../public/models/sentiment/calibration.json', import.meta.url), 'utf8'),
  );
  const confidences = (split: 'validation' | 'test'): number[] =>
    card[split].logits.map((logits: readonly number[]) => Math.max(...softmax(logits)));

  it('are those of SciPy', () => {
    const [a, b] = [confidences('validation'), confidences('test')];
    expect(kolmogorovSmirnov(a, b)).toBeCloseTo(golden.ks, 9);
    expect(wasserstein1(a, b)).toBeCloseTo(golden.w1, 9);
    expect(spearman([3, 1, 4, 1, 5, 9, 2, 6], [2, 7, 1, 8, 2, 8, 1, 8])).toBeCloseTo(golden.spearman, 9);
    expect(kolmogorovSmirnov([], [1])).toBeNaN();
  });

  it('do not exist where a value does not', () => {
    for (const distance of [kolmogorovSmirnov, wasserstein1, spearman]) {
      expect(distance([1, Number.NaN, 2], [1, 2, 3])).toBeNaN();
      expect(distance([1, 2, 3], [1, Number.NaN, 2])).toBeNaN();
    }
  });
});
