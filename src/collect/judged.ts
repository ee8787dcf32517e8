import type { OutcomeRecord } from '../schema/record.ts';

/** Bins of equal width (Guo et al. 2017). */
export const binCount = 15;
export const binOf = (confidence: number): number =>
  Math.min(binCount - 1, Math.floor(confidence * binCount));

/** A label that came, beside what its request had told. */
export interface Judged {
  readonly isRight: boolean;
  /** How many requests it stands for. */
  readonly weight: number;
  /** Absent where the request told none; it stands for more, because few do. */
  readonly confidence?: { readonly value: number; readonly weight: number };
}

/** @returns undefined of an outcome without a class and its label */
export function judgedOf({
  predicted,
  label,
  inclusionProbability,
  confidenceMean,
  signalProbability,
}: OutcomeRecord): Judged | undefined {
  if (predicted === undefined || label === undefined) return undefined;
  const weight = 1 / (inclusionProbability ?? 1);
  return {
    isRight: predicted === label,
    weight,
    ...(confidenceMean === undefined
      ? {}
      : { confidence: { value: confidenceMean, weight: weight / (signalProbability ?? 1) } }),
  };
}

/** Sums over requests, weighted. */
export interface Bin {
  requests: number;
  confidence: number;
  right: number;
}

/** What labels taught of predictions; it merges. Plain JSON. */
export interface Verdicts {
  requests: number;
  right: number;
  /** Labels with a confidence, not weighted. */
  pairs: number;
  readonly bins: readonly Bin[];
}

export const noVerdicts = (): Verdicts => ({
  requests: 0,
  right: 0,
  pairs: 0,
  bins: Array.from({ length: binCount }, () => ({ requests: 0, confidence: 0, right: 0 })),
});

export function judge(verdicts: Verdicts, { isRight, weight, confidence }: Judged): void {
  verdicts.requests += weight;
  if (isRight) verdicts.right += weight;
  if (confidence === undefined) return;
  const bin = verdicts.bins[binOf(confidence.value)];
  if (bin === undefined) return;
  verdicts.pairs += 1;
  bin.requests += confidence.weight;
  bin.confidence += confidence.weight * confidence.value;
  if (isRight) bin.right += confidence.weight;
}

export function mergeVerdicts(into: Verdicts, from: Verdicts): void {
  into.requests += from.requests;
  into.right += from.right;
  into.pairs += from.pairs;
  for (const [at, bin] of into.bins.entries()) {
    bin.requests += from.bins[at]?.requests ?? 0;
    bin.confidence += from.bins[at]?.confidence ?? 0;
    bin.right += from.bins[at]?.right ?? 0;
  }
}

export interface Calibration {
  /** Expected calibration error over 15 bins of equal width; absent without pairs. */
  readonly ece?: number;
  /** Of the requests that told a confidence. */
  readonly accuracy?: number;
  /** Requests that have a label and a confidence, weighted by what they stand for; and records. */
  readonly requests: number;
  readonly pairs: number;
  /** Mean confidence and accuracy of each bin that holds something. */
  readonly bins: readonly { from: number; requests: number; confidence: number; accuracy: number }[];
}

export function calibrationOf({ pairs, bins }: Verdicts): Calibration {
  const told = bins.flatMap(({ requests, confidence, right }, i) =>
    requests === 0
      ? []
      : [
          {
            from: i / binCount,
            requests,
            confidence: confidence / requests,
            accuracy: right / requests,
          },
        ],
  );
  if (pairs === 0) return { requests: 0, pairs, bins: told };
  const sum = (of: (bin: Bin) => number): number => bins.reduce((total, bin) => total + of(bin), 0);
  const total = sum(({ requests }) => requests);
  return {
    ece: sum(({ confidence, right }) => Math.abs(confidence - right)) / total,
    accuracy: sum(({ right }) => right) / total,
    requests: total,
    pairs,
    bins: told,
  };
}
