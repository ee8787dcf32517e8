import type { Calibration, CheckedPrediction } from '../../shared/calibration.ts';
import { SondeError } from '../../shared/errors.ts';
import { observeClasses } from '../classes.ts';
import { applyCalibration, calibrate } from './calibrate.ts';

/**
 * Holds what a calibration says of a row against its label.
 * @param fit of any model: whoever asks knows that it is the row's
 * @param temperature that the model's own confidence has
 */
export function checkPrediction(
  fit: Calibration,
  row: ArrayLike<number>,
  label: number,
  temperature: number,
): CheckedPrediction {
  const { best, confidence: calibrated, set } = applyCalibration(fit, fit.modelDigest, row);
  return {
    confidence: observeClasses(row, temperature).confidence,
    calibrated,
    correct: best === label,
    covered: set.includes(label),
    setSize: set.length,
  };
}

/** Each row is judged by a calibration of the other four fifths. */
const folds = 5;

/**
 * What a calibration is worth on rows it was not fitted on, where all rows are wanted for the fit: K-fold
 * cross-validation (Stone 1974). Every fifth row is a fold, so that rows sorted by class are no trouble for ten or more.
 * @param logits [n][classes]
 * @param labels [n]
 * @param temperature that the model's own confidence has
 * @returns in the order of the rows; nothing where four fifths are too few for a fit
 */
export function crossFit(
  logits: readonly ArrayLike<number>[],
  labels: readonly number[],
  coverage: number,
  temperature: number,
): readonly CheckedPrediction[] {
  try {
    const fitted = Array.from({ length: folds }, (_, fold) => {
      const isOther = (_row: unknown, at: number): boolean => at % folds !== fold;
      return calibrate('', logits.filter(isOther), labels.filter(isOther), coverage);
    });
    return logits.map((row, at) => {
      const fit = fitted[at % folds];
      if (fit === undefined) throw new RangeError('There is a fit for each fold.');
      return checkPrediction(fit, row, labels[at] ?? -1, temperature);
    });
  } catch (error) {
    if (error instanceof SondeError && error.code === 'invalid_argument') return [];
    throw error;
  }
}
