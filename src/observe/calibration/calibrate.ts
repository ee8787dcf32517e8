import type { Calibration } from '../../shared/calibration.ts';
import { SondeError } from '../../shared/errors.ts';
import { type Probability, probability } from '../../shared/units.ts';
import { observeClasses } from '../classes.ts';
import { fitConformal, predictionSet } from './conformal.ts';
import { applyIsotonic, fitIsotonic } from './isotonic.ts';
import { fitTemperature } from './temperature.ts';

export interface Calibrated {
  /** softmax(logits / temperature), [classes]. */
  readonly probabilities: Float64Array;
  /** The likeliest class. */
  readonly best: number;
  /** How often a prediction this confident was right, by isotonic regression. */
  readonly confidence: Probability;
  /** Holds the true class as often as `conformal.coverage` promises. */
  readonly set: readonly number[];
}

/**
 * Temperature, isotonic regression and prediction sets from one held-out split.
 * @param logits [n][classes]
 * @param labels [n]
 * @throws SondeError `invalid_argument` when there are too few rows, or a label is no class
 */
export function calibrate(
  modelDigest: string,
  logits: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  coverage = 0.9,
): Calibration {
  const temperature = fitTemperature(logits, labels);
  const judged = logits.map((row, i) => {
    const { best, confidence } = observeClasses(row, temperature);
    return { confidence, correct: best === labels[i] };
  });
  return {
    modelDigest,
    n: logits.length,
    temperature,
    isotonic: fitIsotonic(
      judged.map(({ confidence }) => confidence),
      judged.map(({ correct }) => correct),
    ),
    conformal: fitConformal(logits, labels, coverage, temperature),
  };
}

/** @throws SondeError `invalid_argument` when the calibration is another model's */
export function applyCalibration(
  calibration: Calibration,
  modelDigest: string,
  logits: ArrayLike<number>,
): Calibrated {
  if (calibration.modelDigest !== modelDigest)
    throw new SondeError(
      'invalid_argument',
      'This calibration was fitted on another model.',
      'Fit it again on labelled data of this model.',
    );
  const { probabilities, best, confidence } = observeClasses(logits, calibration.temperature);
  return {
    probabilities,
    best,
    confidence: probability(applyIsotonic(calibration.isotonic, confidence)),
    set: predictionSet(calibration.conformal, probabilities),
  };
}
