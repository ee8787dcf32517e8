/** How the next token is chosen from a row of logits. Without a temperature: the likeliest. */
export interface Sampling {
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
}

export interface Candidate {
  readonly id: number;
  readonly logit: number;
}

/**
 * What a choice has to see: the k likeliest tokens, which a GPU can hand over in a few bytes, or the whole row.
 * Same seed, same logits, same tokens, wherever they were computed.
 */
export type Sampler =
  | { readonly needs: 'top'; readonly k: number; choose(top: readonly Candidate[]): number }
  | { readonly needs: 'row'; choose(row: Float32Array): number };

export function createSampler({ temperature = 0, topK, topP, seed = 0 }: Sampling): Sampler {
  if (!(temperature > 0)) return { needs: 'top', k: 1, choose: ([first]) => first?.id ?? 0 };
  const random = mulberry32(seed);
  const draw = (candidates: readonly Candidate[]): number =>
    drawFrom(candidates, temperature, topP, random());
  if (topK !== undefined) return { needs: 'top', k: Math.max(1, topK), choose: draw };
  return {
    needs: 'row',
    choose: (row) => draw(Array.from(row, (logit, id) => ({ id, logit })).sort((a, b) => b.logit - a.logit)),
  };
}

/** @param candidates likeliest first @param at in [0, 1) */
function drawFrom(
  candidates: readonly Candidate[],
  temperature: number,
  topP: number | undefined,
  at: number,
): number {
  const highest = candidates[0]?.logit ?? 0;
  const weights = candidates.map(({ logit }) => Math.exp((logit - highest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const nucleus = topP === undefined ? total : total * topP;
  let mass = 0;
  let count = 0;
  while (count < weights.length && mass < nucleus) mass += weights[count++] ?? 0;
  let target = at * mass;
  for (let index = 0; index < count; index++) {
    target -= weights[index] ?? 0;
    if (target <= 0) return candidates[index]?.id ?? 0;
  }
  return candidates[count - 1]?.id ?? 0;
}

/** A 32-bit generator by Tommy Ettinger (public domain): enough for sampling, nothing for secrets. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
