import { SondeError } from '../../shared/errors.ts';
import { between, type Estimate, exactly } from '../estimate.ts';

/** What an API tells of one step's distribution. Every token that is not told of is at most as likely as the last of `top`. */
export interface TruncatedRow {
  /** Probabilities of the k likeliest tokens, most likely first; may be empty. */
  readonly top: readonly number[];
  /** Probability of the token that was taken; absent where the API did not tell. */
  readonly chosen?: number;
  /** Whether the token that was taken is one of `top`. */
  readonly chosenInTop: boolean;
}

/** Over the whole vocabulary, as far as it follows from the row. */
export interface TruncatedSignals {
  /** Probability of the token that was taken. */
  readonly confidence: Estimate;
  /** -sum p ln p in nats. */
  readonly entropy: Estimate;
  /** p(first) - p(second). */
  readonly margin: Estimate;
}

/** APIs print seven digits: a sum may miss 1 by this much and still mean it. */
const rounding = 1e-4;

const plogp = (p: number): number => (p > 0 ? p * Math.log(p) : 0);

function inconsistent(why: string): SondeError {
  return new SondeError(
    'invalid_argument',
    `The log-probabilities are of no distribution: ${why}.`,
    "Pass them as the API gave them, with the size of that model's vocabulary or with none.",
  );
}

/** The mass that nobody told of, and how it can lie. */
interface Rest {
  readonly mass: number;
  /** How many tokens share it; Infinity where the vocabulary's size is not known. */
  readonly tokens: number;
  /** The most that one of them can have. */
  readonly cap: number;
}

function restOf(
  { top, chosen, chosenInTop }: TruncatedRow,
  known: readonly number[],
  vocabulary: number,
): Rest {
  const sum = known.reduce((total, p) => total + p, 0);
  const tokens = vocabulary - known.length;
  const cap = top.at(-1) ?? 1;
  if (!known.every((p) => p >= 0 && p <= 1 + rounding) || sum > 1 + rounding)
    throw inconsistent(`they sum to ${sum.toPrecision(6)}`);
  if (top.some((p, i) => i > 0 && p > (top[i - 1] as number))) throw inconsistent('the top is not in order');
  if (!chosenInTop && chosen !== undefined && chosen > cap + rounding)
    throw inconsistent('the chosen token is likelier than the last of the top, and not among them');
  const mass = Math.max(0, 1 - sum);
  const room = cap === 0 ? 0 : tokens * cap;
  if (tokens < 0 || mass > room + rounding)
    throw inconsistent(`${tokens} further tokens cannot hold the missing ${mass.toPrecision(3)}`);
  return { mass: Math.min(mass, room), tokens, cap: Math.min(cap, mass) };
}

/**
 * Shannon entropy is Schur-concave: the rest adds least when it lies on as few tokens as the cap allows, and most
 * when it is spread evenly over all of them.
 */
function entropyOf(known: readonly number[], { mass, tokens, cap }: Rest): Estimate {
  const told = -known.reduce((total, p) => total + plogp(p), 0);
  if (mass === 0) return exactly(Math.max(0, told));
  const full = Math.floor(mass / cap) * cap;
  const least = told - (full * Math.log(cap) + plogp(mass - full));
  const most = tokens === Infinity ? Infinity : told - mass * Math.log(mass / tokens);
  return between(Math.max(0, least), Math.max(least, most));
}

function marginOf({ top, chosen, chosenInTop }: TruncatedRow, { mass, tokens, cap }: Rest): Estimate {
  const [first, second] = top;
  const other = chosenInTop ? undefined : chosen;
  if (first !== undefined && second !== undefined) return exactly(first - second);
  const evenly = mass === 0 ? 0 : mass / tokens;
  if (first !== undefined) {
    const [least, most] = [Math.max(other ?? 0, evenly), Math.max(other ?? 0, cap)];
    return least === most ? exactly(first - least) : between(first - most, first - least);
  }
  if (other === undefined) return between(0, 1);
  if (mass === 0) return exactly(other);
  if (tokens === 1) return exactly(Math.abs(other - mass));
  if (other >= mass) return between(other - mass, other - evenly);
  return between(0, Math.max(other - evenly, mass - other));
}

function confidenceOf({ chosen }: TruncatedRow, { mass, tokens, cap }: Rest): Estimate {
  if (chosen !== undefined) return exactly(chosen);
  if (mass === 0 || tokens === 1) return exactly(mass);
  return between(Math.max(0, mass - (tokens - 1) * cap), cap);
}

/**
 * Bounds that a truncated distribution allows, each of them attained by some distribution. Nothing is renormalised
 * over the top: that would be a false exact value.
 * @param vocabulary tokens of the model; Infinity (nobody told) leaves entropy without an upper bound
 * @throws SondeError `invalid_argument` when no distribution fits
 */
export function observeTruncated(row: TruncatedRow, vocabulary = Infinity): TruncatedSignals {
  const extra = row.chosen !== undefined && !row.chosenInTop ? [row.chosen] : [];
  const known = [...row.top, ...extra];
  const rest = restOf(row, known, vocabulary);
  return {
    confidence: confidenceOf(row, rest),
    entropy: entropyOf(known, rest),
    margin: marginOf(row, rest),
  };
}
