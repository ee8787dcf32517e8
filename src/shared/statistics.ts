/** What each row of attention says, [rows] each. Values that are not finite are counted and left out. */
export interface AttentionStatistics {
  /** -sum p ln p, in nats: 0 = looks at one token. */
  readonly entropy: Float32Array;
  /** Mass on the first token: an attention sink rests there (Xiao et al. 2023). */
  readonly first: Float32Array;
  /** Mass on the token before; 0 in the row of the first token. */
  readonly previous: Float32Array;
  /** Mass on tokens that followed an earlier occurrence of the row's own token (Olsson et al. 2022). */
  readonly induction: Float32Array;
  readonly max: Float32Array;
  readonly notFinite: Float32Array;
}

/** What each position's vector looks like, [rows] each. Values that are not finite are counted and left out. */
export interface RowStatistics {
  readonly mean: Float32Array;
  /** Population standard deviation (divided by n). */
  readonly standardDeviation: Float32Array;
  readonly absoluteMaximum: Float32Array;
  /** Share of values that are exactly 0, as after a ReLU. */
  readonly zeroFraction: Float32Array;
  /** Share of values further than 6 standard deviations from the mean (Dettmers et al. 2022 look for such). */
  readonly outlierFraction: Float32Array;
  readonly notFinite: Float32Array;
  /** Counts [rows, 16] of |x|: below 2^-8, then one bin a power of two, the last from 2^6 on. */
  readonly histogram: Float32Array;
}

/** Numbers of one row, in the order in which the fields stand. */
export const attentionFields = ['entropy', 'first', 'previous', 'induction', 'max', 'notFinite'] as const;

/** One number a row each; `histogram` has more. */
export const rowFields = [
  'mean',
  'standardDeviation',
  'absoluteMaximum',
  'zeroFraction',
  'outlierFraction',
  'notFinite',
] as const;

/** Bins of |x| by powers of two: below 2^-8 (0 too), then one a power, the last from 2^6 on. */
export const histogramBins = 16;

const cut = (column: Float32Array, part: number, size: number): Float32Array =>
  column.subarray(part * size, (part + 1) * size);

/** Those of the rows [part * rows, (part + 1) * rows), as views. */
export const attentionPart = (
  whole: AttentionStatistics,
  part: number,
  rows: number,
): AttentionStatistics => ({
  entropy: cut(whole.entropy, part, rows),
  first: cut(whole.first, part, rows),
  previous: cut(whole.previous, part, rows),
  induction: cut(whole.induction, part, rows),
  max: cut(whole.max, part, rows),
  notFinite: cut(whole.notFinite, part, rows),
});

/** Those of the rows [part * rows, (part + 1) * rows), as views. */
export const rowsPart = (whole: RowStatistics, part: number, rows: number): RowStatistics => ({
  mean: cut(whole.mean, part, rows),
  standardDeviation: cut(whole.standardDeviation, part, rows),
  absoluteMaximum: cut(whole.absoluteMaximum, part, rows),
  zeroFraction: cut(whole.zeroFraction, part, rows),
  outlierFraction: cut(whole.outlierFraction, part, rows),
  notFinite: cut(whole.notFinite, part, rows),
  histogram: cut(whole.histogram, part, rows * histogramBins),
});
