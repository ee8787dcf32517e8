import { type Pattern, weightAt } from './pattern.ts';

/** Mean over the heads of one layer, [tokens, tokens]. */
export function meanOfHeads(heads: readonly Pattern[]): Pattern {
  const { queries = 0, keys = 0 } = heads[0] ?? {};
  const weights = new Float64Array(queries * keys);
  for (const head of heads)
    for (let i = 0; i < weights.length; i++)
      weights[i] = (weights[i] ?? 0) + (head.weights[i] ?? 0) / heads.length;
  return { weights, queries, keys };
}

/** (A + I) / 2: half of what leaves a block came past the attention, through the residual stream. */
export function withResidual(pattern: Pattern): Pattern {
  const weights = Float64Array.from(pattern.weights, (weight) => weight / 2);
  for (let i = 0; i < pattern.queries; i++) weights[i * pattern.keys + i] = weightAt(pattern, i, i) / 2 + 0.5;
  return { ...pattern, weights };
}

/**
 * Attention rollout (Abnar & Zuidema 2020): R = A_L ... A_1, how much of each input token reaches each position if
 * attention mixed tokens linearly and nothing else did. A picture of the weights, not a causal effect.
 * @param layers first to last, each [tokens, tokens]: `withResidual(meanOfHeads(heads))` for the usual form
 * @returns [tokens, tokens], rows sum to 1 where those of the layers do
 */
export function rollout(layers: readonly Pattern[]): Pattern {
  return layers.reduce((below, layer) => {
    const { queries, keys } = layer;
    const weights = new Float64Array(queries * below.keys);
    for (let q = 0; q < queries; q++)
      for (let via = 0; via < keys; via++) {
        const weight = weightAt(layer, q, via);
        if (weight === 0) continue;
        for (let k = 0; k < below.keys; k++)
          weights[q * below.keys + k] = (weights[q * below.keys + k] ?? 0) + weight * weightAt(below, via, k);
      }
    return { weights, queries, keys: below.keys };
  });
}
