import { SondeError } from '../shared/errors.ts';
import { type Nats, nats } from '../shared/units.ts';

/** What one row of logits [V] says, without the row. All over the full vocabulary. */
export interface TokenStatistics {
  /** ln sum_i e^(z_i). */
  readonly logSumExp: Nats;
  /** -sum p ln p. */
  readonly entropy: Nats;
  /** sum p (ln p + H)^2, in nats squared. */
  readonly varentropy: number;
  /** The k largest logits, largest first; equal ones by id. Fewer where V, or what is not masked, is smaller. */
  readonly top: readonly { readonly id: number; readonly logit: number }[];
}

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
 * The oracle: plain float64 over the row.
 * @throws SondeError `run_failed` for NaN, +inf, or a row without a finite logit
 */
export function tokenStatistics(logits: ArrayLike<number>, k: number): TokenStatistics {
  let max = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (!(logit < Number.POSITIVE_INFINITY)) throw notANumber();
    if (logit > max) max = logit;
  }
  if (max === Number.NEGATIVE_INFINITY) throw notANumber();
  let sum = 0;
  let first = 0;
  let second = 0;
  const top: { id: number; logit: number }[] = [];
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] as number;
    if (logit === Number.NEGATIVE_INFINITY) continue;
    const distance = logit - max;
    const weight = Math.exp(distance);
    sum += weight;
    first += distance * weight;
    second += distance * distance * weight;
    if (top.length === k && logit <= (top[k - 1]?.logit ?? 0)) continue;
    const at = top.findIndex((entry) => entry.logit < logit);
    top.splice(at < 0 ? top.length : at, 0, { id, logit });
    if (top.length > k) top.pop();
  }
  return { ...fromMoments({ max, sum, first, second }), top };
}
