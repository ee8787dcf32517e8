import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { binningNoise } from '../../../src/observe/calibration/binning-noise.ts';
import { bootstrapInterval, quantile } from '../../../src/observe/calibration/bootstrap.ts';
import { brierScore } from '../../../src/observe/calibration/brier.ts';
import { applyCalibration, calibrate } from '../../../src/observe/calibration/calibrate.ts';
import {
  expectedCalibrationError,
  maximumCalibrationError,
} from '../../../src/observe/calibration/calibration-error.ts';
import { fitConformal, predictionSet } from '../../../src/observe/calibration/conformal.ts';
import { applyIsotonic, fitIsotonic } from '../../../src/observe/calibration/isotonic.ts';
import { negativeLogLikelihood } from '../../../src/observe/calibration/negative-log-likelihood.ts';
import { equalMassBins, equalWidthBins } from '../../../src/observe/calibration/reliability.ts';
import { vennAbers } from '../../../src/observe/calibration/venn-abers.ts';
import { meanInterval, wilson } from '../../../src/observe/interval.ts';
import { softmax } from '../../../src/observe/softmax.ts';
import { mulberry32 } from '../../../src/shared/random.ts';

interface Split {
  readonly logits: readonly (readonly [number, number])[];
  readonly labels: readonly number[];
}

const json = (url: URL) => JSON.parse(readFileSync(url, 'utf8'));
const golden = json(new URL('calibration-golden.json', import.meta.url));
const card: { readonly validation: Split; readonly test: Split } = json(
  new URL('../../../public/models/sentiment/calibration.json', import.meta.url),
);
const best = (row: ArrayLike<number>) => Math.max(...softmax(row));
const right = ({ logits, labels }: Split) => logits.map((row, i) => Number(row[1] > row[0]) === labels[i]);
const confidences = card.test.logits.map(best);
const correct = right(card.test);
const ece = (chances: readonly number[]) => expectedCalibrationError(equalWidthBins(chances, correct));

describe('calibration of the sentiment model on its held-out split', () => {
  it('is what scikit-learn, netcal and NumPy say before', () => {
    expect(ece(confidences)).toBeCloseTo(golden.before.ece, 9);
    expect(maximumCalibrationError(equalWidthBins(confidences, correct))).toBeCloseTo(golden.before.mce, 9);
    expect(expectedCalibrationError(equalMassBins(confidences, correct))).toBeCloseTo(
      golden.before.ece_equal_mass,
      9,
    );
    expect(brierScore(confidences, correct)).toBeCloseTo(golden.before.brier, 9);
    expect(negativeLogLikelihood(card.test.logits, card.test.labels)).toBeCloseTo(golden.before.nll, 9);
  });

  it('is what they say after isotonic regression', () => {
    const fit = fitIsotonic(card.validation.logits.map(best), right(card.validation));
    for (const [i, at] of golden.isotonic.at.entries())
      expect(applyIsotonic(fit, at)).toBeCloseTo(golden.isotonic.calibrated[i], 9);
    const after = confidences.map((confidence) => applyIsotonic(fit, confidence));
    expect(ece(after)).toBeCloseTo(golden.isotonic.ece, 9);
    expect(expectedCalibrationError(equalMassBins(after, correct))).toBeCloseTo(
      golden.isotonic.ece_equal_mass,
      9,
    );
    expect(brierScore(after, correct)).toBeCloseTo(golden.isotonic.brier, 9);
  });

  it('is what the package of its authors says by Venn-Abers prediction, of few data too', () => {
    const { at, few, all, of_few, brier, width } = golden.venn_abers;
    const judged = { confidences: card.validation.logits.map(best), correct: right(card.validation) };
    const fewer = { confidences: judged.confidences.slice(0, few), correct: judged.correct.slice(0, few) };
    for (const [data, [merged, lower, upper]] of [
      [judged, all],
      [fewer, of_few],
    ] as const)
      for (const [i, confidence] of at.entries()) {
        const found = vennAbers(data, confidence);
        expect(found.confidence).toBeCloseTo(merged[i], 9);
        expect(found.lower).toBeCloseTo(lower[i], 9);
        expect(found.upper).toBeCloseTo(upper[i], 9);
      }
    const found = confidences.map((confidence) => vennAbers(judged, confidence));
    const calibrated = found.map(({ confidence }) => confidence);
    expect(brierScore(calibrated, correct)).toBeCloseTo(brier, 9);
    const widths = found.map(({ lower, upper }) => upper - lower);
    expect(widths.reduce((sum, each) => sum + each, 0) / widths.length).toBeCloseTo(width, 9);
  });

  it('gives the prediction sets of MAPIE, which hold the truth within two points of 90 %', () => {
    const { logits, labels } = card.test;
    const conformal = fitConformal(card.validation.logits, card.validation.labels);
    const sets = logits.map((row) => predictionSet(conformal, softmax(row)));
    const coverage = sets.filter((set, i) => set.includes(labels[i] as number)).length / sets.length;
    expect(coverage).toBeCloseTo(golden.conformal.coverage, 9);
    expect(sets.reduce((sum, set) => sum + set.length, 0) / sets.length).toBeCloseTo(
      golden.conformal.size,
      9,
    );
    expect(Math.abs(coverage - 0.9)).toBeLessThan(0.02);
  });

  it('has an ECE below 0.05 after, beside the noise of its bins', () => {
    const fit = calibrate('a', card.validation.logits, card.validation.labels);
    const answers = card.test.logits.map((row) => applyCalibration(fit, 'a', row));
    const after = {
      temperature: ece(answers.map(({ probabilities }) => Math.max(...probabilities))),
      vennAbers: ece(answers.map(({ confidence }) => confidence)),
    };
    const random = mulberry32(1);
    const noise = binningNoise(confidences, equalWidthBins, 500, random);
    const before = bootstrapInterval(
      correct.length,
      (indices) =>
        expectedCalibrationError(
          equalWidthBins(
            Array.from(indices, (i) => confidences[i] as number),
            Array.from(indices, (i) => correct[i] as boolean),
          ),
        ),
      500,
      random,
    );
    const covered = answers.filter(({ set }, i) => set.includes(card.test.labels[i] as number)).length;
    const digits = (value: number) => value.toFixed(4);
    console.log(
      `sentiment, held-out n=${correct.length}: ECE before ${digits(before.estimate)} [${digits(before.lower)}, ${digits(before.upper)}],`,
      `after temperature ${digits(after.temperature)}, Venn-Abers ${digits(after.vennAbers)};`,
      `a perfect model at this n: ${digits(noise.mean)} (95 % below ${digits(noise.upper)});`,
      `coverage ${((100 * covered) / answers.length).toFixed(1)} % of 90 %`,
    );
    expect(after.temperature).toBeLessThan(0.05);
    expect(after.vennAbers).toBeLessThan(0.05);
    expect(Math.abs(covered / answers.length - 0.9)).toBeLessThan(0.02);
    expect(before.lower).toBeLessThan(before.estimate);
    expect(before.upper).toBeGreaterThan(before.estimate);
  });
});

describe('a calibration', () => {
  const fit = calibrate('a', card.validation.logits, card.validation.labels);

  it('survives JSON', () => {
    const row = [0.5, 1.5];
    expect(applyCalibration(JSON.parse(JSON.stringify(fit)), 'a', row)).toEqual(
      applyCalibration(fit, 'a', row),
    );
  });

  it('is refused for another model', () => {
    expect(() => applyCalibration(fit, 'b', [0, 1])).toThrowError(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });

  it('promises no coverage that its data cannot show', () => {
    const rows = Array.from({ length: 8 }, () => [0, 1]);
    expect(() => fitConformal(rows, Array(8).fill(1), 0.9)).toThrowError(
      expect.objectContaining({ message: expect.stringContaining('9 rows') }),
    );
    expect(() => fitConformal([...rows, [0, 1]], Array(9).fill(1), 0.9)).not.toThrow();
    expect(() => fitConformal(rows, Array(8).fill(2), 0.5)).toThrowError(/index of its class/);
  });
});

describe('binning noise', () => {
  it('of one bin is the mean absolute deviation of a binomial', () => {
    // E|X/n - 1/2| for X ~ B(100, 1/2) is C(100, 50) 50 / 100 / 2^100 (De Moivre).
    let deviation = 0.5;
    for (let i = 1; i <= 50; i++) deviation *= (50 + i) / (4 * i);
    const noise = binningNoise(Array(100).fill(0.5), (c, y) => equalWidthBins(c, y, 1), 4000, mulberry32(7));
    expect(noise.mean).toBeCloseTo(deviation, 2);
  });
});

describe('intervals', () => {
  it('of a share are those of SciPy', () => {
    const [lower, upper] = golden.wilson['45 of 60'];
    const found = wilson(45, 60);
    expect(found.lower).toBeCloseTo(lower, 9);
    expect(found.upper).toBeCloseTo(upper, 9);
    expect(wilson(0, 0).estimate).toBeNaN();
  });

  it('of a mean need two values', () => {
    expect(meanInterval([1, 3])).toMatchObject({
      estimate: 2,
      lower: expect.closeTo(2 - 1.959963984540054, 9),
    });
    expect(meanInterval([1]).lower).toBeNaN();
  });

  it('by bootstrap cover the mean about as often as they say', () => {
    const random = mulberry32(3);
    let covered = 0;
    for (let run = 0; run < 200; run++) {
      const values = Array.from({ length: 60 }, random);
      const mean = (indices: Int32Array) => indices.reduce((sum, i) => sum + (values[i] as number), 0) / 60;
      const { lower, upper } = bootstrapInterval(60, mean, 200, random);
      if (lower <= 0.5 && upper >= 0.5) covered += 1;
    }
    expect(covered).toBeGreaterThan(176);
  });

  it('take quantiles as NumPy does', () => {
    expect(quantile([1, 2, 3, 4], 0.4)).toBeCloseTo(2.2, 12);
    expect(quantile([], 0.5)).toBeNaN();
  });
});
