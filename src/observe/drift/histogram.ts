import { quantile } from '../calibration/bootstrap.ts';

/**
 * Inner edges that cut a sample into bins of equal count; fewer where values repeat, for an edge must separate.
 * @param values [n]
 * @returns at most bins - 1 edges, strictly increasing
 */
export function quantileEdges(values: ArrayLike<number>, bins = 10): readonly number[] {
  const sorted = Float64Array.from(values).sort();
  const edges = Array.from({ length: bins - 1 }, (_, i) => quantile(sorted, (i + 1) / bins));
  return edges.filter((edge, i) => i === 0 || edge > (edges[i - 1] as number));
}

/**
 * Shares of the bins (-inf, e0], (e0, e1], ..., (e_last, inf).
 * @returns [edges + 1], summing to 1; NaN without values
 */
export function histogram(values: ArrayLike<number>, edges: readonly number[]): Float64Array {
  const counts = new Float64Array(edges.length + 1);
  for (let i = 0; i < values.length; i++) {
    const after = edges.findIndex((edge) => (values[i] as number) <= edge);
    const bin = after === -1 ? edges.length : after;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts.map((count) => count / values.length);
}

/**
 * Shares as if `extra` values had fallen evenly over the bins (Jeffreys' prior is 1/2 a bin): none is empty, so a
 * divergence stays finite.
 * @param n values behind the shares
 */
export const withoutEmpty = (shares: Float64Array, n: number, extra = shares.length / 2): Float64Array =>
  shares.map((share) => (share * n + extra / shares.length) / (n + extra));
