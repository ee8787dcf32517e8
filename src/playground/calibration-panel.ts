import type { Reliability } from '../elements/reliability.ts';
import { calibrate } from '../observe/calibration/calibrate.ts';
import { checkPrediction } from '../observe/calibration/cross-fit.ts';
import { part } from './parts.ts';
import { reliabilityOf } from './reliability-of.ts';

/** Logits [n][classes] and classes [n], as `calibration.json` of the embedded model holds them. */
interface Split {
  readonly logits: readonly (readonly number[])[];
  readonly labels: readonly number[];
}

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
  const checked = test.logits.map((row, i) => checkPrediction(fitted, row, test.labels[i] ?? -1, 1));
  const about = { model: 'sentiment', data: 'its test split, held out of training' };
  return reliabilityOf(about, checked, fitted.conformal.coverage);
}
