import { natsEdges, probabilityEdges } from '../schema/metrics.ts';
import type { FullRecord, RequestRecord } from '../schema/record.ts';
import { epochMilliseconds, type Milliseconds, milliseconds, probability } from '../shared/units.ts';
import { withoutSignals } from './without-signals.ts';

/** The edges around a value: (lower, upper]; beyond the last one no numbers, which the mask drops. */
function around(edges: readonly number[], value: number): readonly [lower: number, upper: number] {
  const at = edges.findIndex((edge) => value <= edge);
  return [edges[at - 1] ?? 0, edges[at] ?? Number.NaN];
}

/** The middle of its bucket, for all values in it: histograms by bucket stay exact, for calibration. */
function banded(value: number): number {
  const [lower, upper] = around(probabilityEdges, value);
  return (lower + upper) / 2;
}

/**
 * Either end of its bucket, the upper one with a chance that grows with the value: means stay exact where buckets
 * are wide (randomised rounding, Raghavan & Thompson 1987), and one answer may lie a bucket off.
 */
function tipped(value: number, random: () => number): number {
  const [lower, upper] = around(natsEdges, value);
  return random() * (upper - lower) < value - lower ? upper : lower;
}

/** The signals of which a record tells one at most, and the chance that the one drawn is: see `coarsened`. */
const signals = [
  { key: 'confidenceMean', chance: 1 / (probabilityEdges.length - 1), tell: banded },
  // An end more than there are buckets.
  { key: 'entropyMean', chance: 1 / natsEdges.length, tell: tipped },
] as const;

/** Edges of `/metrics` that stay exact, the objective at 0.2 s among them; beyond these ten minutes and a day. */
const timeEdges = [200, 1000, 5000, 30_000, 600_000];

/** Half of the next edge above it, which is within its bucket. */
const rounded = (time: Milliseconds): Milliseconds =>
  milliseconds((timeEdges.find((edge) => time <= edge) ?? 86_400_000) / 2);

/**
 * The record as it leaves where the application asks for nothing else. Of its signals and sizes it tells one at most:
 * drawn among two, told with chance 1 / (values - 1), and else nothing. That chance travels with what is told, so that
 * weighted by its inverse the histogram of confidence and the mean of entropy are unbiased (Horvitz & Thompson 1952).
 *
 * Whoever picks the input among any candidates, with the model, is right at most twice as often as by chance: that
 * factor is the sum, over all that a record can tell, of its greatest chance under any input (Bayes capacity; Alvim
 * et al. 2012), here 1 + sum 1/2 (values - 1) / (values - 1) = 2. Times tell of the length, too: they are told as
 * up to 0.2, 1, 5 or 30 s and so on, and the begin of the request moves with its time.
 * What the application declares (origin, template, edits, passages, violations) is outside of this: it goes as it is.
 * @param random in [0, 1), not to be foreseen
 */
export function coarsened(record: FullRecord, random: () => number): RequestRecord {
  const { introspectionDuration } = record;
  const { key, chance, tell } = signals[random() < 0.5 ? 0 : 1];
  const value = record[key];
  const duration = rounded(record.duration);
  return {
    ...withoutSignals(record),
    ...(introspectionDuration === undefined ? {} : { introspectionDuration: rounded(introspectionDuration) }),
    ...(value === undefined || random() >= chance
      ? {}
      : {
          [key]: tell(value, random),
          signalProbability: probability(chance / signals.length),
        }),
    duration,
    startedAt: epochMilliseconds(record.endedAt - duration),
  };
}
