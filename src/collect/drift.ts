import {
  atMost,
  bucketOf,
  type Exponential,
  MergingHistogram,
  quantile,
  upperEdge,
} from '../schema/exponential.ts';
import { populationStabilityIndex } from '../shared/divergences.ts';
import { cellsOf, type Question } from './query.ts';
import { type Quantity, quantities, type Rollups } from './rollups.ts';

/** How far a quantity moved between two times. */
export interface Shift {
  /** Population stability index over the deciles of the baseline. */
  readonly psi: number;
  /**
   * What it would be on average if nothing had moved: (bins - 1)(1/n + 1/m) (Yurdakul 2018), n and m the effective numbers
   * of records, (sum w)^2 / sum w^2 (Kish 1965): those that tell the quantity, fewer where their weights differ.
   */
  readonly byChance: number;
}

export interface DriftWindow {
  readonly from: number;
  readonly to: number;
  readonly records: number;
  /** Of quantities that both times have. */
  readonly shifts: Partial<Record<Quantity, Shift>>;
}

export interface Drift {
  readonly baseline: { readonly from: number; readonly to: number; readonly records: number };
  /** Those with records in them. */
  readonly windows: readonly DriftWindow[];
}

interface Time {
  readonly from: number;
  readonly to: number;
}

/** Everything of a time, as one histogram a quantity. */
function gather(rollups: Rollups, question: Question, { from, to }: Time) {
  const histograms = new Map(quantities.map((quantity) => [quantity, new MergingHistogram()]));
  const squares = new Map<Quantity, number>();
  let records = 0;
  for (const cell of cellsOf(rollups, { ...question, from, to })) {
    records += cell.records;
    for (const [quantity, histogram] of histograms) {
      histogram.merge(cell.histograms[quantity].read());
      squares.set(quantity, (squares.get(quantity) ?? 0) + cell.squares[quantity]);
    }
  }
  return {
    from,
    to,
    records,
    read: (quantity: Quantity) => histograms.get(quantity)?.read(),
    /** 1/n, n the effective number of records. */
    spread: (quantity: Quantity): number =>
      (squares.get(quantity) ?? 0) / (histograms.get(quantity)?.count ?? 0) ** 2,
  };
}

function atScale(histogram: Exponential, scale: number): Exponential {
  const coarse = new MergingHistogram(scale);
  coarse.merge(histogram);
  return coarse.read();
}

const ranks = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/** Upper edges of the buckets that hold the deciles: bins that both histograms can be counted over without loss. */
function edgesOf(histogram: Exponential): readonly number[] {
  const edges = ranks.map((rank) => {
    const value = quantile(histogram, rank) ?? 0;
    return value === 0 ? 0 : upperEdge(bucketOf(value, histogram.scale), histogram.scale);
  });
  return [...new Set(edges)];
}

function sharesOf(histogram: Exponential, edges: readonly number[]): readonly number[] {
  const reached = [...edges.map((edge) => atMost(histogram, edge)), histogram.count];
  return reached.map((count, i) => (count - (reached[i - 1] ?? 0)) / histogram.count);
}

/** Absent where one of the two has nothing. */
function psiOf(before: Exponential | undefined, now: Exponential | undefined) {
  if (before === undefined || now === undefined || before.count === 0 || now.count === 0) return undefined;
  const scale = Math.min(before.scale, now.scale);
  const [reference, current] = [atScale(before, scale), atScale(now, scale)];
  const edges = edgesOf(reference);
  return {
    bins: edges.length + 1,
    psi: populationStabilityIndex(sharesOf(reference, edges), sharesOf(current, edges)),
  };
}

/**
 * Windows of `length` ms from `question.from` to `question.to`, each beside the baseline, requests weighted by 1 /
 * inclusion probability. From the per-minute histograms, so times are rounded out to whole minutes.
 */
export function askDrift(rollups: Rollups, question: Question, baseline: Time, length: number): Drift {
  const before = gather(rollups, question, baseline);
  const windows: DriftWindow[] = [];
  for (let from = question.from; from < question.to; from += length) {
    const now = gather(rollups, question, { from, to: Math.min(from + length, question.to) });
    if (now.records === 0) continue;
    const shifts: Partial<Record<Quantity, Shift>> = {};
    for (const quantity of quantities) {
      const found = psiOf(before.read(quantity), now.read(quantity));
      if (found === undefined) continue;
      const byChance = (found.bins - 1) * (before.spread(quantity) + now.spread(quantity));
      shifts[quantity] = { psi: found.psi, byChance };
    }
    windows.push({ from: now.from, to: now.to, records: now.records, shifts });
  }
  return { baseline: { from: before.from, to: before.to, records: before.records }, windows };
}
