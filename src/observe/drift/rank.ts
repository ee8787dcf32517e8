/** Ranks from 1; equal values share the mean of their ranks. NaN for all where one is NaN: nothing has an order then. */
export function ranks(values: ArrayLike<number>): Float64Array {
  if (Array.prototype.some.call(values, Number.isNaN))
    return new Float64Array(values.length).fill(Number.NaN);
  const order = Array.from({ length: values.length }, (_, i) => i).sort(
    (a, b) => (values[a] as number) - (values[b] as number),
  );
  const found = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end] as number] === values[order[start] as number]) end += 1;
    for (const index of order.slice(start, end)) found[index] = (start + 1 + end) / 2;
    start = end;
  }
  return found;
}

/**
 * Spearman's rank correlation (1904): Pearson's of the ranks.
 * @param a [n] and @param b [n]
 * @returns in [-1, 1]; NaN where all values of one are equal, or one holds NaN
 */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (x.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const [dx, dy] = [(x[i] as number) - mean, (y[i] as number) - mean];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xy / Math.sqrt(xx * yy);
}
