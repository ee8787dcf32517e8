import { SondeError } from './errors.ts';
import { type Nats, nats } from './units.ts';

/** A histogram: shares of the same bins, each >= 0, summing to 1. */
type Shares = ArrayLike<number>;

function sumOver(p: Shares, q: Shares, term: (p: number, q: number) => number): number {
  if (p.length !== q.length)
    throw new SondeError(
      'invalid_argument',
      `Two histograms of ${p.length} and ${q.length} bins cannot be compared.`,
      'Count both over the same bins.',
    );
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += term(p[i] as number, q[i] as number);
  return sum;
}

/**
 * Kullback-Leibler divergence KL(p || q) = sum p ln(p/q), with 0 ln 0 = 0 (Kullback & Leibler 1951).
 * @returns nats >= 0; Infinity where q has an empty bin that p has not
 * @throws SondeError `invalid_argument` when the numbers of bins differ
 */
export const klDivergence = (p: Shares, q: Shares): Nats =>
  nats(
    Math.max(
      0,
      sumOver(p, q, (a, b) => (a === 0 ? 0 : a * Math.log(a / b))),
    ),
  );

/**
 * Population stability index sum (r - c) ln(r/c), the symmetrised KL. An empty bin counts as `epsilon` on either
 * side (without renormalising), so the index stays finite; epsilon is part of the number's meaning.
 * @returns >= 0; by custom (not by theory) 0.1 is small and 0.25 large
 */
export const populationStabilityIndex = (reference: Shares, current: Shares, epsilon = 1e-4): number =>
  sumOver(reference, current, (r, c) => {
    const [a, b] = [r === 0 ? epsilon : r, c === 0 ? epsilon : c];
    return (a - b) * Math.log(a / b);
  });

/**
 * Jensen-Shannon divergence: mean KL of p and q to their mixture (Lin 1991).
 * @returns nats in [0, ln 2]; its square root is a metric
 */
export function jensenShannonDivergence(p: Shares, q: Shares): Nats {
  const mixture = Float64Array.from(p, (value, i) => (value + (q[i] ?? 0)) / 2);
  return nats((klDivergence(p, mixture) + klDivergence(q, mixture)) / 2);
}

/** Hellinger distance sqrt(1/2 sum (sqrt p - sqrt q)^2) (1909). @returns in [0, 1] */
export const hellingerDistance = (p: Shares, q: Shares): number =>
  Math.sqrt(sumOver(p, q, (a, b) => (Math.sqrt(a) - Math.sqrt(b)) ** 2) / 2);

/** Total variation 1/2 sum |p - q|: the most that any event's probability differs. @returns in [0, 1] */
export const totalVariation = (p: Shares, q: Shares): number => sumOver(p, q, (a, b) => Math.abs(a - b)) / 2;
