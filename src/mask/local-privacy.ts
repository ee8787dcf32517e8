import type { GridSpec } from '../schema/field.ts';
import { recordFields } from '../schema/fields.ts';
import type { FullRecord, RequestRecord } from '../schema/record.ts';
import { epochMilliseconds, milliseconds, type Unit } from '../shared/units.ts';
import { withoutSignals } from './without-signals.ts';

/**
 * Randomised response of a number (Warner 1965; for means Duchi et al. 2018): either end of its grid, the upper one
 * with chance 1/2 + t/2 (e^eps - 1)/(e^eps + 1), t in [-1, 1] the place of the value. One answer says almost
 * nothing; the mean of many is middle + (mean of answers - middle) (e^eps + 1)/(e^eps - 1), without bias.
 */
export function respond(
  { min, max }: GridSpec,
  value: number,
  epsilon: number,
  random: () => number,
): number {
  const place = Math.min(1, Math.max(-1, (2 * (value - min)) / (max - min) - 1));
  const chance = (1 + place * Math.tanh(epsilon / 2)) / 2;
  return random() < chance ? max : min;
}

/**
 * Laplace's mechanism (Dwork et al. 2006) on the logarithm of a time: noise of scale range / epsilon on
 * ln(1 + value), clamped to the range.
 * @param most larger values count as this one
 */
export function blur(value: number, most: number, epsilon: number, random: () => number): number {
  const range = Math.log1p(most);
  const place = random() - 0.5;
  const noise = -Math.sign(place) * Math.log(1 - 2 * Math.abs(place)) * (range / epsilon);
  const noisy = Math.log1p(Math.min(most, Math.max(0, value))) + noise;
  return Math.round(Math.expm1(Math.min(range, Math.max(0, noisy))));
}

/** What depends on the input and still leaves, each with an equal part of epsilon. */
const parts = 3;
/** Ten minutes. */
const longest = 600_000;

/**
 * The record under local differential privacy: whichever input there was, any record is at most e^epsilon times as
 * likely, so whoever guesses among candidates is right at most e^epsilon times as often as by chance. Confidence
 * and entropy answer at random, its time is blurred, other signals and sizes stay at home. The begin of the request
 * moves with its time. How it ended (`outcome`, `errorCode`) is told as it was.
 * @param epsilon of the whole record, over 0; it is written on it
 * @param random in [0, 1), not to be foreseen
 */
export function withLocalPrivacy(record: FullRecord, epsilon: number, random: () => number): RequestRecord {
  const {
    suspicious: _suspicious,
    editsSincePaste: _edits,
    retrievedPassages: _passages,
    inputMissing: _missing,
    inputExtra: _extra,
    inputOutOfRange: _outOfRange,
    ...rest
  } = withoutSignals(record);
  const { confidenceMean, entropyMean } = record;
  const share = epsilon / parts;
  const answer = <T extends Unit<string>>(spec: GridSpec, value: T): T =>
    respond(spec, value, share, random) as T;
  const duration = milliseconds(blur(record.duration, longest, share, random));
  return {
    ...rest,
    ...(confidenceMean === undefined
      ? {}
      : { confidenceMean: answer(recordFields.confidenceMean.spec, confidenceMean) }),
    ...(entropyMean === undefined ? {} : { entropyMean: answer(recordFields.entropyMean.spec, entropyMean) }),
    duration,
    startedAt: epochMilliseconds(record.endedAt - duration),
    epsilon,
  };
}
