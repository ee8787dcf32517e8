import type { Reliability, ReliabilityCurve } from '../elements/reliability.ts';
import type { StoredCalibration } from '../index.ts';
import { binningNoise } from '../observe/calibration/binning-noise.ts';
import { bootstrapInterval } from '../observe/calibration/bootstrap.ts';
import { brierScore } from '../observe/calibration/brier.ts';
import { expectedCalibrationError } from '../observe/calibration/calibration-error.ts';
import { equalWidthBins } from '../observe/calibration/reliability.ts';
import { wilson } from '../observe/interval.ts';
import { breathe } from './breathe.ts';

const resamples = 500;

/** How often predictions were right that a calibration never saw, beside how sure they were. */
export async function reliabilityOf(
  about: Pick<Reliability, 'model' | 'data'>,
  checked: StoredCalibration['checked'],
  coverage: number,
): Promise<Reliability> {
  const correct = checked.map((each) => each.correct);
  const own = checked.map(({ confidence }) => confidence);
  const calibrated = checked.map((each) => each.calibrated);
  const meanOf = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    ...about,
    n: checked.length,
    curves: [
      await curveOf('as the model says', own, correct),
      await curveOf('calibrated', calibrated, correct),
    ],
    sets: {
      coverage,
      held: meanOf(checked.map(({ covered }) => (covered ? 1 : 0))),
      size: meanOf(checked.map(({ setSize }) => setSize)),
    },
  };
}

/** Each of its parts takes some tens of milliseconds, so the page may answer in between. */
async function curveOf(
  name: string,
  confidences: readonly number[],
  correct: readonly boolean[],
): Promise<ReliabilityCurve> {
  await breathe();
  const drawn = <T>(from: readonly T[], indices: Int32Array): T[] => Array.from(indices, (i) => from[i] as T);
  const ece = bootstrapInterval(
    correct.length,
    (indices) =>
      expectedCalibrationError(equalWidthBins(drawn(confidences, indices), drawn(correct, indices))),
    resamples,
  );
  await breathe();
  const perfect = binningNoise(confidences, equalWidthBins, resamples);
  await breathe();
  const points = equalWidthBins(confidences, correct).map(({ confidence, accuracy, count }) => ({
    confidence,
    accuracy: wilson(Math.round(accuracy * count), count),
    count,
  }));
  return { name, points, ece, perfect, brier: brierScore(confidences, correct) };
}
