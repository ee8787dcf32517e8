import { SondeError } from '../../shared/errors.ts';

/** One bin of a reliability diagram. Empty bins are left out: they have neither confidence nor accuracy. */
export interface ReliabilityBin {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  /** Mean confidence of the predictions in the bin. */
  readonly confidence: number;
  /** Share of them that were right. */
  readonly accuracy: number;
}

/** Which edge a bin of equal width owns: `right` is (lower, upper] (netcal, Guo et al.), `left` is [lower, upper). */
export type ClosedEdge = 'right' | 'left';

function checkPairs(confidences: ArrayLike<number>, correct: ArrayLike<boolean>): void {
  const outside = (value: number) => !(value >= 0 && value <= 1);
  if (confidences.length !== correct.length || Array.prototype.some.call(confidences, outside))
    throw new SondeError(
      'invalid_argument',
      'Calibration needs one confidence in [0, 1] and one outcome for each prediction.',
      'Pass probabilities after softmax, and an outcome for each of them.',
    );
}

function binOf(confidence: number, bins: number, closed: ClosedEdge): number {
  let bin = Math.min(bins - 1, Math.floor(confidence * bins));
  // The product is rounded, so the edges themselves decide.
  if (closed === 'right') while (bin > 0 && confidence <= bin / bins) bin -= 1;
  else if (bin + 1 < bins && confidence >= (bin + 1) / bins) bin += 1;
  return bin;
}

function summarise(
  members: readonly number[],
  confidences: ArrayLike<number>,
  correct: ArrayLike<boolean>,
): { count: number; confidence: number; accuracy: number } {
  let confidence = 0;
  let right = 0;
  for (const index of members) {
    confidence += confidences[index] as number;
    if (correct[index]) right += 1;
  }
  const count = members.length;
  return { count, confidence: confidence / count, accuracy: right / count };
}

/**
 * Reliability diagram over bins of equal width on [0, 1]. The first bin also owns 0, the last one 1.
 * @param confidences [n] in [0, 1]
 * @param correct [n]
 * @throws SondeError `invalid_argument` when the lengths differ or a confidence is outside [0, 1]
 */
export function equalWidthBins(
  confidences: ArrayLike<number>,
  correct: ArrayLike<boolean>,
  bins = 15,
  closed: ClosedEdge = 'right',
): readonly ReliabilityBin[] {
  checkPairs(confidences, correct);
  const members = Array.from({ length: bins }, (): number[] => []);
  for (let i = 0; i < confidences.length; i++)
    members[binOf(confidences[i] as number, bins, closed)]?.push(i);
  return members.flatMap((indices, bin) =>
    indices.length === 0
      ? []
      : [{ lower: bin / bins, upper: (bin + 1) / bins, ...summarise(indices, confidences, correct) }],
  );
}

/**
 * Reliability diagram over bins of equal count (Nixon et al. 2019): sorted by confidence and cut into `bins`
 * runs whose counts differ by at most one, the longer ones first. Equal confidences may lie on both sides of a
 * cut. `lower` and `upper` are the smallest and largest confidence of the run.
 * @throws SondeError `invalid_argument` when the lengths differ or a confidence is outside [0, 1]
 */
export function equalMassBins(
  confidences: ArrayLike<number>,
  correct: ArrayLike<boolean>,
  bins = 15,
): readonly ReliabilityBin[] {
  checkPairs(confidences, correct);
  const n = confidences.length;
  const order = Array.from({ length: n }, (_, index) => index).sort(
    (a, b) => (confidences[a] as number) - (confidences[b] as number) || a - b,
  );
  const found: ReliabilityBin[] = [];
  for (let bin = 0, start = 0; bin < bins && start < n; bin++) {
    const end = start + Math.floor(n / bins) + (bin < n % bins ? 1 : 0);
    const indices = order.slice(start, end);
    start = end;
    const lower = confidences[indices[0] as number] as number;
    const upper = confidences[indices.at(-1) as number] as number;
    found.push({ lower, upper, ...summarise(indices, confidences, correct) });
  }
  return found;
}
