import { SondeError } from '../../shared/errors.ts';
import { centroid, type Points } from './centroid.ts';

/** Mean and Cholesky factor of a baseline, ready to measure points against. */
export interface Gaussian {
  /** [d] */
  readonly mean: Float64Array;
  /** Lower triangle L with covariance = L L^T, [d, d] row-major. */
  readonly factor: Float64Array;
}

/** Covariance of the points, divided by n - 1. @returns [d, d] row-major */
export function covariance(points: Points): Float64Array {
  const mean = centroid(points);
  const d = mean.length;
  const sum = new Float64Array(d * d);
  for (const point of points)
    for (let i = 0; i < d; i++)
      for (let j = 0; j < d; j++)
        sum[i * d + j] =
          (sum[i * d + j] ?? 0) +
          ((point[i] as number) - (mean[i] as number)) * ((point[j] as number) - (mean[j] as number));
  return sum.map((value) => value / (points.length - 1));
}

function cholesky(matrix: Float64Array, d: number): Float64Array {
  const factor = new Float64Array(d * d);
  for (let i = 0; i < d; i++)
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * d + j] as number;
      for (let k = 0; k < j; k++) sum -= (factor[i * d + k] as number) * (factor[j * d + k] as number);
      if (i === j && !(sum > 0))
        throw new SondeError(
          'invalid_argument',
          'The baseline has no invertible covariance: too few points, or values that depend on each other.',
          'Give more points than dimensions, or a ridge.',
        );
      factor[i * d + j] = i === j ? Math.sqrt(sum) : sum / (factor[j * d + j] as number);
    }
  return factor;
}

/**
 * @param points baseline [n][d], n > d unless `ridge` > 0
 * @param ridge added to the covariance's diagonal
 * @throws SondeError `invalid_argument` when the covariance is singular
 */
export function fitGaussian(points: Points, ridge = 0): Gaussian {
  const mean = centroid(points);
  const d = mean.length;
  const matrix = covariance(points);
  for (let i = 0; i < d; i++) matrix[i * d + i] = (matrix[i * d + i] as number) + ridge;
  return { mean, factor: cholesky(matrix, d) };
}

/**
 * Squared Mahalanobis distance (x - m)^T C^-1 (x - m) (1936; for out-of-distribution inputs Lee et al. 2018): about
 * d for a point of the baseline, more for a stranger. Solved by forward substitution, never by inverting.
 * @param point [d]
 */
export function squaredMahalanobis({ mean, factor }: Gaussian, point: ArrayLike<number>): number {
  const d = mean.length;
  const solved = new Float64Array(d);
  let square = 0;
  for (let i = 0; i < d; i++) {
    let value = (point[i] as number) - (mean[i] as number);
    for (let k = 0; k < i; k++) value -= (factor[i * d + k] as number) * (solved[k] as number);
    solved[i] = value / (factor[i * d + i] as number);
    square += (solved[i] as number) ** 2;
  }
  return square;
}
