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
