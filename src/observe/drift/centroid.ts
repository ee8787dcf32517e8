/** A set of embeddings, [n][d]. */
export type Points = readonly ArrayLike<number>[];

/** Mean of the points. @returns [d] */
export function centroid(points: Points): Float64Array {
  const mean = new Float64Array(points[0]?.length ?? 0);
  for (const point of points)
    for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] ?? 0) + (point[i] as number) / points.length;
  return mean;
}

/** Euclidean distance of two vectors [d]. */
export function euclideanDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let square = 0;
  for (let i = 0; i < a.length; i++) square += ((a[i] as number) - (b[i] as number)) ** 2;
  return Math.sqrt(square);
}

/** 1 - cos(a, b). @returns in [0, 2]; NaN where a vector is zero and so has no direction */
export function cosineDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += (a[i] as number) * (b[i] as number);
    aa += (a[i] as number) ** 2;
    bb += (b[i] as number) ** 2;
  }
  return 1 - dot / Math.sqrt(aa * bb);
}
