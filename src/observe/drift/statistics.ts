import {
  hellingerDistance,
  jensenShannonDivergence,
  klDivergence,
  populationStabilityIndex,
} from '../../shared/divergences.ts';
import { centroid, euclideanDistance, type Points } from './centroid.ts';
import { histogram, quantileEdges, withoutEmpty } from './histogram.ts';
import { kolmogorovSmirnov } from './kolmogorov-smirnov.ts';
import { fitGaussian, squaredMahalanobis } from './mahalanobis.ts';
import { spearman } from './rank.ts';
import { wasserstein1 } from './wasserstein.ts';

/** What requests were like: one row a request. */
export interface Traffic {
  /** Confidence, entropy, length or whatever else an application names: [n] each. */
  readonly features: Readonly<Record<string, readonly number[]>>;
  /** Of a middle layer, [n][d]; empty where none is taken. */
  readonly embeddings: Points;
  /** What each unit or token position adds to the answer, [n][units]; empty where none is taken. */
  readonly attributions: Points;
}

/** How many requests. */
export const sizeOf = ({ features, embeddings }: Traffic): number =>
  Object.values(features)[0]?.length ?? embeddings.length;

function ofFeature(
  name: string,
  reference: readonly number[],
  current: readonly number[],
): [string, number][] {
  const edges = quantileEdges(reference);
  const r = withoutEmpty(histogram(reference, edges), reference.length);
  const c = withoutEmpty(histogram(current, edges), current.length);
  return [
    [`${name}.psi`, populationStabilityIndex(r, c)],
    [`${name}.kl`, klDivergence(c, r)],
    [`${name}.js`, jensenShannonDivergence(r, c)],
    [`${name}.hellinger`, hellingerDistance(r, c)],
    [`${name}.wasserstein`, wasserstein1(reference, current)],
    [`${name}.ks`, kolmogorovSmirnov(reference, current)],
  ];
}

function ofEmbeddings(reference: Points, current: Points): [string, number][] {
  if (reference.length === 0 || current.length === 0) return [];
  const gaussian = fitGaussian(reference, 1e-6);
  const mean = (points: Points) =>
    points.reduce((sum, point) => sum + squaredMahalanobis(gaussian, point), 0) / points.length;
  return [
    ['embedding.centroid', euclideanDistance(gaussian.mean, centroid(current))],
    // A baseline is d from itself, on average.
    ['embedding.mahalanobis', Math.abs(mean(current) / mean(reference) - 1)],
  ];
}

/** By how much each unit matters, whatever its sign. */
const importance = (points: Points): Float64Array =>
  centroid(points.map((point) => Float64Array.from(point, Math.abs)));

/**
 * Every statistic of drift, by name (`confidence.psi`, `embedding.centroid`, `attribution.rank`): 0 where nothing
 * differs, larger with the difference; what each counts in is said where it is defined. KL is of the window from
 * the baseline; the histograms have ten bins of equal count in the baseline, half a count added to each.
 */
export function driftStatistics(reference: Traffic, current: Traffic): ReadonlyMap<string, number> {
  const features = Object.entries(reference.features).flatMap(([name, values]) =>
    ofFeature(name, values, current.features[name] ?? []),
  );
  const attribution: [string, number][] =
    reference.attributions.length === 0 || current.attributions.length === 0
      ? []
      : [
          [
            'attribution.rank',
            1 - spearman(importance(reference.attributions), importance(current.attributions)),
          ],
        ];
  return new Map([...features, ...ofEmbeddings(reference.embeddings, current.embeddings), ...attribution]);
}
