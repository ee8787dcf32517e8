import type { Bounds, Reliability, ReliabilityCurve } from '../elements/reliability.ts';
import { binningNoise } from '../observe/calibration/binning-noise.ts';
import { bootstrapInterval } from '../observe/calibration/bootstrap.ts';
import { brierScore } from '../observe/calibration/brier.ts';
import { applyCalibration, calibrate } from '../observe/calibration/calibrate.ts';
import { expectedCalibrationError } from '../observe/calibration/calibration-error.ts';
import { equalWidthBins } from '../observe/calibration/reliability.ts';
import { softmax } from '../observe/softmax.ts';
import { breathe } from './breathe.ts';
import { part } from './parts.ts';

/** Logits [n][classes] and classes [n], as `calibration.json` of the embedded model holds them. */
interface Split {
  readonly logits: readonly (readonly number[])[];
  readonly labels: readonly number[];
}

const resamples = 500;

/** Measures once the plate comes near the screen: nobody waits for it before. */
export function wireCalibration(): void {
  const view = part('sonde-reliability');
  view.unavailable = 'Measured when it is scrolled to.';
  const observer = new IntersectionObserver(
    ([entry]) => {
      if (entry?.isIntersecting !== true) return;
      observer.disconnect();
      view.unavailable = 'Measuring.';
      measure().then(
        (reliability) => {
          view.reliability = reliability;
        },
        () => {
          view.unavailable =
            'The held-out data of the sentiment model could not be fetched. Reload the page to try again.';
        },
      );
    },
    { rootMargin: '50%' },
  );
  observer.observe(view);
}

async function measure(): Promise<Reliability> {
  const answer = await fetch('models/sentiment/calibration.json');
  const { validation, test }: { readonly validation: Split; readonly test: Split } = await answer.json();
  const fitted = calibrate('', validation.logits, validation.labels);
  const judged = test.logits.map((row) => applyCalibration(fitted, '', row));
  const correct = judged.map(({ best }, i) => best === test.labels[i]);
  const own = test.logits.map((row) => Math.max(...softmax(row)));
  const held = judged.filter(({ set }, i) => set.includes(test.labels[i] ?? -1)).length;
  return {
    model: 'sentiment',
    data: 'its test split',
    n: correct.length,
    curves: [
      await curveOf('as the model says', own, correct),
      await curveOf(
        'calibrated',
        judged.map(({ confidence }) => confidence),
        correct,
      ),
    ],
    sets: {
      coverage: fitted.conformal.coverage,
      held: held / judged.length,
      size: judged.reduce((sum, { set }) => sum + set.length, 0) / judged.length,
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
    accuracy: shareOf(Math.round(accuracy * count), count),
    count,
  }));
  return { name, points, ece, perfect, brier: brierScore(confidences, correct) };
}

/** @param right of `count` predictions */
const shareOf = (right: number, count: number): Bounds =>
  bootstrapInterval(
    count,
    (indices) => indices.reduce((sum, index) => sum + (index < right ? 1 : 0), 0) / count,
    resamples,
  );
