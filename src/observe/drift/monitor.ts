import { type Baseline, standardised } from './baseline.ts';
import { driftStatistics, sizeOf, type Traffic } from './statistics.ts';

/** One statistic that left what chance explains. */
export interface Alarm {
  /** Such as `confidence.psi`. */
  readonly statistic: string;
  /** Effect size: the statistic itself, in its own unit. */
  readonly value: number;
  /** What chance would show, in the same unit, at most. */
  readonly limit: number;
  /** Requests of the window. */
  readonly n: number;
}

/** @returns the alarms of one window, the most certain first; too few requests raise none */
export function judgeWindow(baseline: Baseline, window: Traffic): readonly Alarm[] {
  const n = sizeOf(window);
  if (n < baseline.window) return [];
  return alarmsOf(baseline, deviations(baseline, window), n);
}

interface Deviation {
  readonly value: number;
  readonly z: number;
}

function deviations({ reference, scales }: Baseline, window: Traffic): ReadonlyMap<string, Deviation> {
  const found = new Map<string, Deviation>();
  for (const [name, value] of driftStatistics(reference, window)) {
    const scale = scales[name];
    if (scale !== undefined) found.set(name, { value, z: standardised(scale, value) });
  }
  return found;
}

function alarmsOf({ scales, limit }: Baseline, found: ReadonlyMap<string, Deviation>, n: number): Alarm[] {
  return [...found]
    .filter(([, { z }]) => z > limit)
    .sort(([, a], [, b]) => b.z - a.z)
    .map(([statistic, { value }]) => {
      const { offset = 0, mean = 0, deviation = 0 } = scales[statistic] ?? {};
      return { statistic, value, limit: Math.exp(mean + limit * deviation) - offset, n };
    });
}

/** Which part of a cycle an instant lies in, so that a Monday is compared with Mondays. */
export interface Seasons {
  /** Length of the cycle: a day, a week. */
  readonly period: number;
  readonly parts: number;
}

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

  /** @returns alarms of this window; none for a season without a baseline or for too few requests */
  judge(window: Traffic, season = 0): readonly Alarm[] {
    const baseline = this.#baselines.get(season);
    const n = sizeOf(window);
    if (baseline === undefined || n < baseline.window) return [];
    const smoothed = new Map<string, Deviation>();
    for (const [name, { value, z }] of deviations(baseline, window)) {
      const key = `${season} ${name}`;
      const next = this.#weight * z + (1 - this.#weight) * (this.#smoothed.get(key) ?? 0);
      this.#smoothed.set(key, next);
      smoothed.set(name, { value, z: next });
    }
    return alarmsOf(baseline, smoothed, n);
  }
}
