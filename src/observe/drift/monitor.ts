import type { WindowJudgement, WindowStatistic } from '../../shared/drift.ts';
import { type Baseline, type Seasons, standardised, valueAt } from './baseline.ts';
import { driftStatistics, sizeOf, type Traffic } from './statistics.ts';

/** @param at milliseconds since the epoch */
export const seasonOf = ({ period, parts }: Seasons, at: number): number =>
  Math.floor(((at % period) / period) * parts);

/**
 * Smooths the deviations of successive windows, s <- w z + (1 - w) s (Roberts 1959), so that one odd window among
 * many is no alarm; a real shift stays and comes through. Each season has a smoothing of its own.
 */
export class DriftMonitor {
  readonly #baselines: ReadonlyMap<number, Baseline>;
  readonly #weight: number;
  readonly #smoothed = new Map<string, number>();

  /**
   * @param baselines by season; one season 0 where there are none
   * @param weight of the newest window, in (0, 1]; 1 smooths nothing
   */
  constructor(baselines: ReadonlyMap<number, Baseline>, weight = 1) {
    this.#baselines = baselines;
    this.#weight = weight;
  }

  /** @returns nothing found, for a season without a baseline or for too few requests */
  judge(window: Traffic, season = 0): WindowJudgement {
    const baseline = this.#baselines.get(season);
    const n = sizeOf(window);
    if (baseline === undefined || n < baseline.window) return { alarms: [], statistics: [] };
    const { reference, scales, limit } = baseline;
    const found: { readonly z: number; readonly shown: WindowStatistic }[] = [];
    for (const [statistic, value] of driftStatistics(reference, window)) {
      const scale = scales[statistic];
      if (scale === undefined) continue;
      const z = this.#smooth(`${season} ${statistic}`, standardised(scale, value));
      if (!Number.isNaN(z)) found.push({ z, shown: { statistic, value, limit: valueAt(scale, limit), n } });
    }
    found.sort((a, b) => b.z - a.z);
    const alarms = found.filter(({ z }) => z > limit).map(({ shown }) => shown);
    return { alarms, statistics: found.map(({ shown }) => shown) };
  }

  /** A window may lack a statistic (NaN); nothing of that stays with the next one. */
  #smooth(key: string, z: number): number {
    const smoothed = this.#weight * z + (1 - this.#weight) * (this.#smoothed.get(key) ?? 0);
    if (Number.isFinite(smoothed)) this.#smoothed.set(key, smoothed);
    return smoothed;
  }
}
