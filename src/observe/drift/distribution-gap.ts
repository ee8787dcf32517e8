/**
 * Goes over the stretches between neighbouring values of two samples; on each of them both distribution functions
 * are constant, so their gap is.
 * @param a [n] and @param b [m], in any order, of any lengths
 * @param fold takes the gap, in [0, 1], and the width of the stretch
 * @returns what was folded, from 0 on; NaN when a sample is empty or holds NaN
 */
export function foldGaps(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  fold: (found: number, gap: number, width: number) => number,
): number {
  const [x, y] = [Float64Array.from(a).sort(), Float64Array.from(b).sort()];
  // NaN is sorted to the end.
  if (Number.isNaN(x.at(-1) ?? Number.NaN) || Number.isNaN(y.at(-1) ?? Number.NaN)) return Number.NaN;
  let [i, j, found] = [0, 0, 0];
  let at = Math.min(x[0] as number, y[0] as number);
  while (i < x.length || j < y.length) {
    const next = Math.min(x[i] ?? Infinity, y[j] ?? Infinity);
    found = fold(found, Math.abs(i / x.length - j / y.length), next - at);
    at = next;
    while (x[i] === next) i += 1;
    while (y[j] === next) j += 1;
  }
  return found;
}
