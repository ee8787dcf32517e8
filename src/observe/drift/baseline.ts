import { SondeError } from '../../shared/errors.ts';
import type { Preparation } from '../../shared/parity.ts';
import { quantile } from '../calibration/bootstrap.ts';
import { driftStatistics, sizeOf, type Traffic } from './statistics.ts';

/** Where a statistic lies when nothing has drifted, on the logarithmic scale. */
export interface NullScale {
  /** Added before the logarithm, so that an exact 0 (equal ranks, say) does not lie infinitely far out. */
  readonly offset: number;
  readonly mean: number;
  readonly deviation: number;
}

/** Which part of a cycle an instant lies in, so that a Monday is compared with Mondays. */
export interface Seasons {
  /** Length of the cycle in ms, from Thursday 1 January 1970 in UTC on: a day, a week. */
  readonly period: number;
  readonly parts: number;
}

/** How requests were when the model was put into service. Plain JSON; it ships with the model. */
export interface Baseline {
  readonly reference: Traffic;
  /** Requests of a window that can be compared with it. */
  readonly window: number;
  /** By statistic. */
  readonly scales: Readonly<Record<string, NullScale>>;
  /** A statistic alarms beyond this many deviations. */
  readonly limit: number;
  /** Chance that any statistic of a window alarms where nothing has drifted. */
  readonly falseAlarms: number;
  /** The hook that the reference's embeddings are sketches of; absent where it has none. */
  readonly embedding?: string;
  /** The cycle that it is the first part of; absent where all times are alike. */
  readonly seasons?: Seasons;
  /** Of the other parts, in order. */
  readonly others?: readonly Baseline[];
  /** Weight of the newest window beside those before it, in (0, 1]; absent = 1, nothing is smoothed. */
  readonly smoothing?: number;
  /** How inputs were made ready where it was made; absent where nobody noted it. */
  readonly preparation?: Preparation;
}

export interface BaselineOptions {
  /** Requests of a window; at most a third of the reference. */
  readonly window: number;
  /** Over all statistics of a window together. */
  readonly falseAlarms?: number;
  /** Splits that the limit is found by. */
  readonly splits?: number;
  /** In [0, 1). */
  readonly random: () => number;
}

const rowsOf = (rows: Traffic['embeddings'], indices: readonly number[]): Traffic['embeddings'] =>
  rows.length === 0 ? [] : indices.map((i) => rows[i] as ArrayLike<number>);

/** The requests with these indices. */
export const select = (
  { features, embeddings, attributions }: Traffic,
  indices: readonly number[],
): Traffic => ({
  features: Object.fromEntries(
    Object.entries(features).map(([name, values]) => [name, indices.map((i) => values[i] as number)]),
  ),
  embeddings: rowsOf(embeddings, indices),
  attributions: rowsOf(attributions, indices),
});

function shuffled(n: number, random: () => number): number[] {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}

/** Deviations from what no drift shows. Statistics are skewed and positive: their logarithms are nearly normal. */
export const standardised = ({ offset, mean, deviation }: NullScale, value: number): number =>
  (Math.log(value + offset) - mean) / deviation;

/** The value that lies so many deviations out. */
export const valueAt = ({ offset, mean, deviation }: NullScale, z: number): number =>
  Math.exp(mean + z * deviation) - offset;

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** @returns nothing for a statistic that never moves: it cannot be judged by its deviation */
function scaleOf(values: readonly number[]): NullScale | undefined {
  const offset = meanOf(values) / 10;
  const logarithms = values.map((value) => Math.log(value + offset));
  const mean = meanOf(logarithms);
  const deviation = Math.sqrt(meanOf(logarithms.map((value) => (value - mean) ** 2)));
  return deviation > 0 ? { offset, mean, deviation } : undefined;
}

/**
 * Finds what the statistics of a window do when nothing drifts, by splitting the reference at random into a window
 * and the rest: so the reference's own sampling error is part of it. One limit for all statistics, the quantile of
 * the largest deviation over the splits, holds the false alarms of the whole family however the statistics depend
 * on each other (Westfall & Young 1993).
 * @throws SondeError `invalid_argument` for a reference of fewer than three windows
 */
export function makeBaseline(
  reference: Traffic,
  { window, falseAlarms = 0.005, splits = 4000, random }: BaselineOptions,
): Baseline {
  const n = sizeOf(reference);
  if (n < 3 * window)
    throw new SondeError(
      'invalid_argument',
      `${n} requests are too few to find what windows of ${window} do by chance.`,
      'Give at least three windows of requests, or make the windows smaller.',
    );
  const drawn = Array.from({ length: splits }, () => {
    const order = shuffled(n, random);
    return driftStatistics(select(reference, order.slice(window)), select(reference, order.slice(0, window)));
  });
  const scales: Record<string, NullScale> = {};
  for (const name of drawn[0]?.keys() ?? []) {
    const scale = scaleOf(drawn.map((statistics) => statistics.get(name) ?? Number.NaN));
    if (scale !== undefined) scales[name] = scale;
  }
  const largest = Float64Array.from(drawn, (statistics) =>
    Math.max(
      ...Object.entries(scales).map(([name, scale]) =>
        standardised(scale, statistics.get(name) ?? Number.NaN),
      ),
    ),
  ).sort();
  return { reference, window, scales, limit: quantile(largest, 1 - falseAlarms), falseAlarms };
}
