import type { EpochMilliseconds } from './units.ts';

/** One statistic of a window of requests beside what chance would show. */
export interface WindowStatistic {
  /** Such as `confidence.psi`. */
  readonly statistic: string;
  /** Effect size: the statistic itself, in its own unit. */
  readonly value: number;
  /** What chance would show, in the same unit, at most. */
  readonly limit: number;
  /** Requests of the window. */
  readonly n: number;
}

/** One statistic that left what chance explains. */
export type Alarm = WindowStatistic;

/** What a full window of a model's requests showed beside its baseline. */
export interface WindowJudgement {
  /** The most certain first. */
  readonly alarms: readonly Alarm[];
  /** Every statistic, the one furthest out first. */
  readonly statistics: readonly WindowStatistic[];
}

/** A full window of a model's requests, held against the `baseline.json` of its folder. */
export interface JudgedWindow extends WindowJudgement {
  /** When the first of its requests ended, and when it was judged. */
  readonly from: EpochMilliseconds;
  readonly at: EpochMilliseconds;
  readonly modelId: string;
  readonly modelDigest: string;
  /** By feature: how many of the window's requests lie in each tenth of the baseline's, [10]; even where nothing drifts. */
  readonly deciles: Readonly<Record<string, readonly number[]>>;
}
