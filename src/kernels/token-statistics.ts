import { SondeError } from '../shared/errors.ts';
import { type Nats, nats } from '../shared/units.ts';
import { expOfNegative } from './exp.ts';

export interface Candidate {
  readonly id: number;
  readonly logit: number;
}

/** What one row of logits [V] says, without the row. All over the full vocabulary. */
export interface TokenStatistics {
  /** ln sum_i e^(z_i). */
  readonly logSumExp: Nats;
  /** -sum p ln p. */
  readonly entropy: Nats;
  /** sum p (ln p + H)^2, in nats squared. */
  readonly varentropy: number;
  /** The k largest logits, largest first; equal ones by id. Fewer where V, or what is not masked, is smaller. */
  readonly top: readonly Candidate[];
}

/** What a choice is made of: the likeliest tokens after penalties, and what all tokens weigh together. */
export interface Candidates {
  readonly top: readonly Candidate[];
  /** ln sum_i e^(z_i / temperature) over the full vocabulary; where a top-k cuts off the rest, any shift does. */
  readonly logSumExp: number;
  /** `top` is the whole vocabulary, masked tokens left out. */
  readonly isWhole: boolean;
}

/** How logits are changed before a token is chosen from them. */
export interface Tempering {
  /** > 0. */
  readonly temperature: number;
  /** Keskar et al. 2019, as transformers does it: logits of seen tokens are divided by it, negative ones multiplied. */
  readonly penalty: number;
  /** Ids that the penalty applies to, a bit each: word id >> 5, bit id & 31. */
  readonly seen: Uint32Array<ArrayBuffer>;
}

export const isSeen = (seen: Uint32Array, id: number): boolean =>
  (((seen[id >>> 5] ?? 0) >>> (id & 31)) & 1) === 1;

export const penalised = (logit: number, penalty: number): number =>
  logit < 0 ? logit * penalty : logit / penalty;

export const notANumber = (): SondeError =>
  new SondeError(
    'run_failed',
    'The model gave logits that are not numbers, so no probability can be computed from them.',
    'Load another variant of the model (fp32 where fp16 overflows) or another device.',
  );

/**
 * Sums over weights e^(x - m), to be shifted when a larger m is met: with d = m_old - m_new and e = e^d,
 * sum -> e sum, first -> e (first + d sum), second -> e (second + 2 d first + d^2 sum).
 */
export interface Moments {
  readonly max: number;
  /** sum e^(x - m) */
  readonly sum: number;
  /** sum (x - m) e^(x - m) */
  readonly first: number;
  /** sum (x - m)^2 e^(x - m) */
  readonly second: number;
}

/** H = ln S - F/S, and the variance of ln p is that of x - m: Q/S - (F/S)^2. */
export function fromMoments({
  max,
  sum,
  first,
  second,
}: Moments): Pick<TokenStatistics, 'logSumExp' | 'entropy' | 'varentropy'> {
  const mean = first / sum;
  return {
    logSumExp: nats(max + Math.log(sum)),
    entropy: nats(Math.max(0, Math.log(sum) - mean)),
    varentropy: Math.max(0, second / sum - mean * mean),
  };
}

/**
 * Largest logit. A row may hold -inf (a masked token has probability 0), but nothing else that is not finite.
 * @throws SondeError `run_failed` for NaN, +inf, or a row without a finite logit: no distribution follows from it,
 * and a number made up here would be shown to somebody as confidence
 */
export function largestOf(logits: ArrayLike<number>): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (!(logit < Number.POSITIVE_INFINITY)) throw notANumber();
    if (logit > max) max = logit;
  }
  if (max === Number.NEGATIVE_INFINITY) throw notANumber();
  return max;
}

/**
 * The k largest by insertion into k places: a vocabulary is far longer than what is wanted.
 * @throws SondeError `run_failed` as `largestOf`
 */
function largest(logits: ArrayLike<number>, k: number): Candidate[] {
  if (k >= logits.length) {
    largestOf(logits);
    const all = Array.from(logits, (logit, id) => ({ id, logit }));
    return all
      .filter(({ logit }) => logit > Number.NEGATIVE_INFINITY)
      .sort((a, b) => b.logit - a.logit || a.id - b.id);
  }
  const values = new Float64Array(k);
  const ids = new Uint32Array(k);
  let count = 0;
  let least = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    // Nearly all end here; NaN does not.
    if (logit <= least) continue;
    if (!(logit < Number.POSITIVE_INFINITY)) throw notANumber();
    let at = count < k ? count++ : k - 1;
    for (; at > 0 && logit > (values[at - 1] as number); at--) {
      values[at] = values[at - 1] as number;
      ids[at] = ids[at - 1] as number;
    }
    values[at] = logit;
    ids[at] = id;
    if (count === k) least = values[k - 1] as number;
  }
  if (count === 0) throw notANumber();
  return Array.from({ length: count }, (_, at) => ({ id: ids[at] as number, logit: values[at] as number }));
}

/**
 * The oracle: plain float64 over the row.
 * @throws SondeError `run_failed` for NaN, +inf, or a row without a finite logit
 */
export function tokenStatistics(logits: ArrayLike<number>, k: number): TokenStatistics {
  const top = largest(logits, k);
  const max = (top[0] as Candidate).logit;
  let sum = 0;
  let first = 0;
  let second = 0;
  for (let id = 0; id < logits.length; id++) {
    const distance = (logits[id] as number) - max;
    const weight = expOfNegative(distance);
    // A masked token weighs nothing, and -inf times nothing is NaN.
    if (weight === 0) continue;
    const moment = distance * weight;
    sum += weight;
    first += moment;
    second += distance * moment;
  }
  return { ...fromMoments({ max, sum, first, second }), top };
}

/** The row after penalties; the row itself where there are none. */
export const penalisedRow = (logits: Float32Array, { penalty, seen }: Tempering): Float32Array =>
  penalty === 1 ? logits : logits.map((logit, id) => (isSeen(seen, id) ? penalised(logit, penalty) : logit));

/**
 * The oracle of candidates: the row after penalties, tempered.
 * @throws SondeError `run_failed` for NaN, +inf, or a row without a finite logit
 */
export function candidatesOf(logits: Float32Array, k: number, tempering: Tempering): Candidates {
  const { temperature } = tempering;
  const row = penalisedRow(logits, tempering);
  const top = largest(row, k);
  const max = (top[0] as Candidate).logit;
  const colder = 1 / temperature;
  let sum = 0;
  for (let id = 0; id < row.length; id++) sum += expOfNegative(((row[id] as number) - max) * colder);
  return {
    top,
    logSumExp: max / temperature + Math.log(sum),
    isWhole: k >= row.length || top.length < k,
  };
}
