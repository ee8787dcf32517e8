import { cosineDistance, euclideanDistance } from './drift/centroid.ts';

export interface EmbeddingSignals {
  /** Euclidean length. */
  readonly norm: number;
  /** From the centroid of a baseline, Euclidean. */
  readonly distance: number;
  /** 1 - cos to the centroid, in [0, 2]; NaN where either is zero. */
  readonly cosineDistance: number;
}

/**
 * What an embedding says without any classes: how long it is, and how far from where embeddings usually lie.
 * @param embedding [d]
 * @param centroid [d], of a baseline
 */
export const observeEmbedding = (
  embedding: ArrayLike<number>,
  centroid: ArrayLike<number>,
): EmbeddingSignals => ({
  norm: Math.hypot(...Array.from(embedding)),
  distance: euclideanDistance(embedding, centroid),
  cosineDistance: cosineDistance(embedding, centroid),
});
