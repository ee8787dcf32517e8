/**
 * Two-sample Kolmogorov-Smirnov distance: the largest gap of the two distribution functions (Smirnov 1939).
 * @param a [n] and @param b [m], in any order
 * @returns in [0, 1]; NaN when a sample is empty
 */
export function kolmogorovSmirnov(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length === 0 || b.length === 0) return Number.NaN;
  const [x, y] = [Float64Array.from(a).sort(), Float64Array.from(b).sort()];
  let [i, j, gap] = [0, 0, 0];
  while (i < x.length && j < y.length) {
    const next = Math.min(x[i] as number, y[j] as number);
    while (x[i] === next) i += 1;
    while (y[j] === next) j += 1;
    gap = Math.max(gap, Math.abs(i / x.length - j / y.length));
  }
  return gap;
}
