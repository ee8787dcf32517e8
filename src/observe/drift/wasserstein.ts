/**
 * First Wasserstein distance of two samples on a line: the area between their distribution functions. It has the
 * unit of the values, and unlike a divergence of histograms it needs no bins.
 * @param a [n] and @param b [m], in any order, of any lengths > 0
 * @returns >= 0; NaN when a sample is empty
 */
export function wasserstein1(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length === 0 || b.length === 0) return Number.NaN;
  const [x, y] = [Float64Array.from(a).sort(), Float64Array.from(b).sort()];
  let [i, j, area] = [0, 0, 0];
  let at = Math.min(x[0] as number, y[0] as number);
  while (i < x.length || j < y.length) {
    const next = Math.min(x[i] ?? Infinity, y[j] ?? Infinity);
    area += Math.abs(i / x.length - j / y.length) * (next - at);
    at = next;
    while (x[i] === next) i += 1;
    while (y[j] === next) j += 1;
  }
  return area;
}
