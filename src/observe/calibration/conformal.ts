import type { Conformal } from '../../shared/calibration.ts';
import { SondeError } from '../../shared/errors.ts';
import { softmax } from '../softmax.ts';

/**
 * Split-conformal prediction sets with the score 1 - p(true class) ("LAC": Vovk et al. 2005; Sadinle et al. 2019).
 * The ceil((n + 1) coverage)-th smallest score is the bound, so the promise holds at any n.
 * @param logits [n][classes], of data the model was not trained on
 * @param labels [n]
 * @throws SondeError `invalid_argument` when n is too small for the coverage, or a label is no class
 */
export function fitConformal(
  logits: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  coverage = 0.9,
  temperature = 1,
): Conformal {
  const n = logits.length;
  const rank = Math.ceil((n + 1) * coverage);
  const scores = logits.map((row, i) => 1 - (softmax(row, temperature)[labels[i] ?? -1] ?? Number.NaN));
  if (labels.length !== n || scores.some(Number.isNaN) || rank > n)
    throw new SondeError(
      'invalid_argument',
      `A coverage of ${coverage} needs ${Math.ceil(coverage / (1 - coverage) - 1e-9)} rows of logits or more, each with the index of its class.`,
      'Pass more held-out data, or promise less.',
    );
  return { coverage, threshold: 1 - (scores.sort((a, b) => a - b)[rank - 1] as number), n };
}

/**
 * The classes that the true one is among, with the coverage promised; empty where no class is likely enough.
 * @param probabilities [classes], at the temperature that the fit had
 */
export const predictionSet = (
  { threshold }: Conformal,
  probabilities: ArrayLike<number>,
): readonly number[] =>
  Array.from(probabilities, (p, index) => ({ p, index }))
    .filter(({ p }) => p >= threshold)
    .map(({ index }) => index);
