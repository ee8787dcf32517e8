import type { AttentionStatistics } from '../shared/statistics.ts';

/** Attention [heads, queries, keys] of one sequence, of which the queries are the last tokens. */
export interface AttentionShape {
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
}

/**
 * The oracle: plain float64.
 * @param pattern probabilities [heads, queries, keys]
 * @param ids of the keys' tokens, [keys]
 */
export function attentionStatistics(
  pattern: ArrayLike<number>,
  { heads, queries, keys }: AttentionShape,
  ids: ArrayLike<number>,
): AttentionStatistics {
  const rows = heads * queries;
  const made = {
    entropy: new Float32Array(rows),
    first: new Float32Array(rows),
    previous: new Float32Array(rows),
    induction: new Float32Array(rows),
    max: new Float32Array(rows),
    notFinite: new Float32Array(rows),
  };
  for (let row = 0; row < rows; row++) {
    const position = keys - queries + (row % queries);
    const own = ids[position];
    let entropy = 0;
    let induction = 0;
    let max = 0;
    let notFinite = 0;
    for (let key = 0; key < keys; key++) {
      const p = pattern[row * keys + key] as number;
      if (!Number.isFinite(p)) {
        notFinite++;
        continue;
      }
      if (p > 0) entropy -= p * Math.log(p);
      if (p > max) max = p;
      if (key === 0) made.first[row] = p;
      if (key === position - 1) made.previous[row] = p;
      if (key > 0 && key - 1 !== position && ids[key - 1] === own) induction += p;
    }
    made.entropy[row] = entropy;
    made.induction[row] = induction;
    made.max[row] = max;
    made.notFinite[row] = notFinite;
  }
  return made;
}
