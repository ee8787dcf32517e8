import { euclideanDistance, type Points } from './centroid.ts';

/**
 * Unbiased squared maximum mean discrepancy with the kernel exp(-|x - y|^2 / (2 sigma^2)) (Gretton et al. 2012).
 * Unbiased, so it is negative half of the time where nothing differs.
 * @param x [n][d] and @param y [m][d], n, m >= 2
 */
export function squaredMmd(x: Points, y: Points, sigma: number): number {
  const kernel = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
    Math.exp(-(euclideanDistance(a, b) ** 2) / (2 * sigma ** 2));
  const within = (points: Points): number => {
    let sum = 0;
    for (const [i, a] of points.entries()) for (const b of points.slice(0, i)) sum += kernel(a, b);
    return (2 * sum) / (points.length * (points.length - 1));
  };
  let across = 0;
  for (const a of x) for (const b of y) across += kernel(a, b);
  return within(x) + within(y) - (2 * across) / (x.length * y.length);
}
