import type { Probability } from './units.ts';

/** Predictions whose outcome is known. */
export interface Judged {
  readonly confidences: readonly number[];
  readonly correct: readonly boolean[];
}

/** A non-decreasing map of confidence to calibrated confidence: linear between its knots, flat outside them. */
export interface IsotonicFit {
  /** Strictly increasing. */
  readonly confidences: readonly number[];
  /** Non-decreasing, in [0, 1]. */
  readonly calibrated: readonly number[];
}

/** Fitted on held-out data; the promise holds for data like it. */
export interface Conformal {
  /** Share of sets that hold the true class, promised at least. */
  readonly coverage: number;
  /** A class is in the set when its probability is at least this. */
  readonly threshold: number;
  /** Predictions that it was fitted on. */
  readonly n: number;
}

/** What labelled data taught of one model's confidence. Plain JSON, to be stored beside the model. */
export interface Calibration {
  /** Digest of the model that gave the logits: another model's confidence is another thing. */
  readonly modelDigest: string;
  /** Rows it was fitted on. */
  readonly n: number;
  readonly temperature: number;
  /** How those rows turned out at that temperature: isotonic regression of any further one is fitted beside them. */
  readonly judged: Judged;
  readonly conformal: Conformal;
}

/** One labelled row, judged by a calibration that never saw it. */
export interface CheckedPrediction {
  /** As the model says it. */
  readonly confidence: Probability;
  readonly calibrated: Probability;
  readonly correct: boolean;
  /** Of the prediction set: whether the true class is in it, and how many classes are. */
  readonly covered: boolean;
  readonly setSize: number;
}
