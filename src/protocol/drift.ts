import type { JudgedWindow } from '../shared/drift.ts';
import type { ParityGap } from '../shared/parity.ts';

/** A window of a model's requests was full and was held against the `baseline.json` of its folder. */
export interface DriftEvent extends JudgedWindow {
  readonly kind: 'drift';
}

/** How far the window of a model is. */
export interface DriftState {
  /** Requests of a full window. */
  readonly window: number;
  /** Requests in the window that is being filled. */
  readonly seen: number;
  /** Chance that any statistic of a window alarms where nothing has drifted. */
  readonly falseAlarms: number;
  /**
   * What here makes inputs ready otherwise than where the baseline was made; while there is something, every record
   * counts as anomalous. Absent where the baseline does not say.
   */
  readonly parity?: readonly ParityGap[];
  /** The last full window; absent before there was one. */
  readonly latest?: DriftEvent;
}

export type DriftListener = (event: DriftEvent) => void;
