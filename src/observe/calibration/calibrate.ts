import type { Calibration } from '../../shared/calibration.ts';
import { SondeError } from '../../shared/errors.ts';
import { observeClasses } from '../classes.ts';
import { fitConformal, predictionSet } from './conformal.ts';
import { fitTemperature } from './temperature.ts';
import { type VennAbers, vennAbers } from './venn-abers.ts';

/** Its confidence: how often a prediction this sure is right. */
export interface Calibrated extends VennAbers {
  /** softmax(logits / temperature), [classes]. */
  readonly probabilities: Float64Array;
  /** The likeliest class. */
  readonly best: number;
  /** Holds the true class as often as `conformal.coverage` promises. */
  readonly set: readonly number[];
}

/**
 * Temperature, outcomes by confidence and prediction sets from one held-out split.
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
    judged: {
      confidences: judged.map(({ confidence }) => confidence),
      correct: judged.map(({ correct }) => correct),
    },
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
    ...vennAbers(calibration.judged, confidence),
    set: predictionSet(calibration.conformal, probabilities),
  };
}
