import type { AttentionShape } from './attention-statistics.ts';

/** Causal attention of one sequence as queries and cached keys make it; the queries are the last tokens. */
export interface PatternShape extends AttentionShape {
  /** Heads of the keys, each shared by `heads / kvHeads` neighbouring heads of queries. */
  readonly kvHeads: number;
  /** Numbers of one query or key. */
  readonly size: number;
  /** Factor on q·k. */
  readonly scale: number;
  /** Scores become cap · tanh(score / cap). */
  readonly cap?: number;
  /** Only this many keys are seen, a query's own the last. */
  readonly window?: number;
}

/**
 * The oracle: softmax of scaled, capped and masked q·k, plain float64.
 * @param queries [queries, heads, size]
 * @param keys [kvHeads, keys, size]
 * @returns [heads, queries, keys]; a row of NaN where a score is NaN or +inf, or all of them are -inf
 */
export function patternOf(
  queries: ArrayLike<number>,
  keys: ArrayLike<number>,
  shape: PatternShape,
): Float64Array {
  const { heads, kvHeads, size, scale, cap = 0, window = Number.POSITIVE_INFINITY } = shape;
  const pattern = new Float64Array(heads * shape.queries * shape.keys);
  for (let head = 0; head < heads; head++)
    for (let query = 0; query < shape.queries; query++) {
      const position = shape.keys - shape.queries + query;
      const row = pattern.subarray((head * shape.queries + query) * shape.keys).subarray(0, shape.keys);
      const keyHead = Math.floor((head * kvHeads) / heads);
      for (let key = 0; key < shape.keys; key++) {
        let score = 0;
        for (let at = 0; at < size; at++)
          score +=
            (queries[(query * heads + head) * size + at] as number) *
            (keys[(keyHead * shape.keys + key) * size + at] as number);
        score *= scale;
        if (cap > 0) score = cap * Math.tanh(score / cap);
        const isSeen = key <= position && key > position - window;
        row[key] = isSeen ? score : Number.NEGATIVE_INFINITY;
      }
      const most = row.reduce((a, b) => Math.max(a, b));
      const sum = row.reduce((total, score) => total + Math.exp(score - most), 0);
      for (const [key, score] of row.entries()) row[key] = Math.exp(score - most) / sum;
    }
  return pattern;
}
