/** How the next token is chosen from a row of logits. Without a temperature: the likeliest. */
export interface Sampling {
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
}

export type Sampler = (logits: Float32Array) => number;

/** Same seed, same logits, same tokens. */
export function createSampler({ temperature = 0, topK, topP, seed = 0 }: Sampling): Sampler {
  if (!(temperature > 0)) return likeliest;
  const random = mulberry32(seed);
  return (logits) => {
    const order = Array.from(logits.keys()).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0));
    const kept = topK === undefined ? order : order.slice(0, Math.max(1, topK));
    const highest = logits[kept[0] ?? 0] ?? 0;
    const weights = kept.map((id) => Math.exp(((logits[id] ?? 0) - highest) / temperature));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const nucleus = topP === undefined ? total : total * topP;
    let mass = 0;
    let count = 0;
    while (count < weights.length && mass < nucleus) mass += weights[count++] ?? 0;
    let target = random() * mass;
    for (let index = 0; index < count; index++) {
      target -= weights[index] ?? 0;
      if (target <= 0) return kept[index] ?? 0;
    }
    return kept[count - 1] ?? 0;
  };
}

function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id;
  return best;
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
