import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brierScore } from '../../../src/observe/calibration/brier.ts';
import {
  expectedCalibrationError,
  maximumCalibrationError,
  rmsCalibrationError,
} from '../../../src/observe/calibration/calibration-error.ts';
import { applyIsotonic, fitIsotonic } from '../../../src/observe/calibration/isotonic.ts';
import { negativeLogLikelihood } from '../../../src/observe/calibration/negative-log-likelihood.ts';
import { equalMassBins, equalWidthBins } from '../../../src/observe/calibration/reliability.ts';
import { fitTemperature } from '../../../src/observe/calibration/temperature.ts';
import { row, scalar } from './vectors.ts';

const confidences = [0.95, 0.91, 0.85, 0.82, 0.77, 0.66, 0.61, 0.55, 0.44, 0.35];
const correct = [1, 1, 1, 0, 1, 1, 0, 1, 0, 0].map(Boolean);

describe('calibration errors', () => {
  it.each([
    ['ece15 right', 15, 'right'],
    ['ece15 left', 15, 'left'],
    ['ece10', 10, 'right'],
  ] as const)('are those of the published vector %s', (key, count, closed) => {
    const bins = equalWidthBins(confidences, correct, count, closed);
    const [ece, mce, rmsce] = row(key);
    expect(expectedCalibrationError(bins)).toBeCloseTo(ece as number, 9);
    expect(maximumCalibrationError(bins)).toBeCloseTo(mce as number, 9);
    expect(rmsCalibrationError(bins)).toBeCloseTo(rmsce as number, 9);
  });

  it('depend on which edge a bin owns, as stated', () => {
    const ece = (closed: 'left' | 'right') =>
      expectedCalibrationError(equalWidthBins([0.5, 0.9], [false, true], 2, closed));
    expect(ece('right')).toBeCloseTo(scalar('ece2 edge (lo,hi]'), 9);
    expect(ece('left')).toBeCloseTo(scalar('ece2 edge [lo,hi)'), 9);
  });

  it('do not exist without predictions', () => {
    const bins = equalWidthBins([], []);
    expect(expectedCalibrationError(bins)).toBeNaN();
    expect(maximumCalibrationError(bins)).toBeNaN();
  });
});

describe('reliability bins', () => {
  const predictions = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean()), {
    minLength: 1,
  });

  it('of equal width put every prediction between the edges of its bin', () => {
    fc.assert(
      fc.property(
        predictions,
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom('left', 'right'),
        (all, bins, closed) => {
          const found = equalWidthBins(
            all.map(([confidence]) => confidence),
            all.map(([, right]) => right),
            bins,
            closed,
          );
          for (const bin of found) {
            const inside = all.filter(([c]) =>
              closed === 'right'
                ? (c > bin.lower || (c === 0 && bin.lower === 0)) && c <= bin.upper
                : c >= bin.lower && (c < bin.upper || (c === 1 && bin.upper === 1)),
            );
            expect(bin.count).toBe(inside.length);
          }
          expect(found.reduce((sum, { count }) => sum + count, 0)).toBe(all.length);
        },
      ),
    );
  });

  it('of equal mass differ by at most one prediction and come in order', () => {
    fc.assert(
      fc.property(predictions, fc.integer({ min: 1, max: 30 }), (all, bins) => {
        const found = equalMassBins(
          all.map(([confidence]) => confidence),
          all.map(([, right]) => right),
          bins,
        );
        const counts = found.map(({ count }) => count);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(all.length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        for (const [i, bin] of found.entries())
          expect(bin.lower).toBeGreaterThanOrEqual(found[i - 1]?.upper ?? 0);
      }),
    );
  });

  it('refuse what is no probability', () => {
    expect(() => equalWidthBins([1.1], [true])).toThrowError(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
    expect(() => equalMassBins([Number.NaN], [true])).toThrowError(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
    expect(() => equalMassBins([0.5], [])).toThrowError(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });
});

it('Brier score is that of the published vector', () => {
  expect(brierScore(confidences, correct)).toBeCloseTo(scalar('brier'), 9);
});

describe('temperature scaling', () => {
  const two = { logits: [1, 2, 3, 4].map(() => [2, 0]), labels: [0, 0, 0, 1] };
  const three = {
    logits: [
      [2, 0, 0],
      [1, 3, 0],
      [0, 1, 4],
      [3, 2, 1],
      [0.5, 0, 2],
    ],
    labels: [0, 1, 1, 0, 0],
  };

  it('finds 2 / ln 3 where that is the answer', () => {
    expect(fitTemperature(two.logits, two.labels)).toBeCloseTo(scalar('2/ln3'), 9);
    expect(negativeLogLikelihood(two.logits, two.labels)).toBeCloseTo(scalar('NLL(1)'), 9);
    expect(negativeLogLikelihood(two.logits, two.labels, scalar('2/ln3'))).toBeCloseTo(scalar('NLL(T*)'), 9);
  });

  it('agrees with SciPy on three classes', () => {
    // SciPy's optimiser stops 4e-8 short where the answer is known (vector `T*` beside `2/ln3`): hold it to 1e-7.
    const [temperature, nll, before] = row('T*3cls') as [number, number, number];
    expect(fitTemperature(three.logits, three.labels)).toBeCloseTo(temperature, 7);
    expect(
      negativeLogLikelihood(three.logits, three.labels, fitTemperature(three.logits, three.labels)),
    ).toBeCloseTo(nll, 9);
    expect(negativeLogLikelihood(three.logits, three.labels)).toBeCloseTo(before, 9);
  });

  it('ends at a bound where no finite temperature is best', () => {
    expect(fitTemperature([[2, 0]], [0])).toBe(0.01);
    expect(fitTemperature([[2, 0]], [1])).toBe(100);
  });

  it('finds a minimum on any data', () => {
    const example = fc.tuple(
      fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 3, maxLength: 3 }),
      fc.nat(2),
    );
    fc.assert(
      fc.property(fc.array(example, { minLength: 1, maxLength: 20 }), (all) => {
        const logits = all.map(([row]) => row);
        const labels = all.map(([, label]) => label);
        const best = fitTemperature(logits, labels);
        const nll = negativeLogLikelihood(logits, labels, best);
        for (const nearby of [best * 0.99, best * 1.01])
          if (nearby >= 0.01 && nearby <= 100)
            expect(nll).toBeLessThanOrEqual(negativeLogLikelihood(logits, labels, nearby) + 1e-12);
      }),
    );
  });

  it('refuses a label that is no class', () => {
    expect(() => fitTemperature([[1, 2]], [2])).toThrowError(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });
});

describe('isotonic regression', () => {
  it('pools violators as written out by hand', () => {
    const fit = fitIsotonic([0.1, 0.2, 0.3, 0.4, 0.5], [false, true, false, true, true]);
    expect(fit).toEqual({ confidences: [0.1, 0.2, 0.3, 0.4, 0.5], calibrated: [0, 0.5, 0.5, 1, 1] });
    expect(applyIsotonic(fit, 0.15)).toBeCloseTo(0.25, 12);
    expect(applyIsotonic(fit, 0.25)).toBe(0.5);
    expect(applyIsotonic(fit, 0.02)).toBe(0);
    expect(applyIsotonic(fit, 0.99)).toBe(1);
  });

  it('is the min-max formula of Robertson, Wright and Dykstra on any data', () => {
    const prediction = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(prediction, { minLength: 1, maxLength: 40 }), (all) => {
        const fit = fitIsotonic(
          all.map(([x]) => x),
          all.map(([, y]) => y),
        );
        const xs = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b);
        const mean = (from: number, to: number) => {
          const inside = all.filter(([x]) => x >= from && x <= to);
          return inside.filter(([, y]) => y).length / inside.length;
        };
        for (const x of xs) {
          const lows = xs.filter((low) => low <= x);
          const highs = xs.filter((high) => high >= x);
          const expected = Math.max(...lows.map((low) => Math.min(...highs.map((high) => mean(low, high)))));
          expect(applyIsotonic(fit, x)).toBeCloseTo(expected, 9);
        }
      }),
    );
  });
});
