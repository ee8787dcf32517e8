import type { AttentionMaps } from '../elements/maps.ts';
import type { FloatTensor, Hook, StepAttention } from '../index.ts';
import { type Stack, whyNot } from './stack.ts';

/** Milliseconds between two drawings: each costs the page a repaint of every head. */
const pause = 250;

/** Attention patterns of a generation that goes on, from the rows that come with each step. */
export class GrowingMaps {
  readonly #hooks: readonly string[];
  readonly #why: readonly string[];
  readonly #rows = new Map<string, FloatTensor[]>();
  #drawn = 0;

  constructor(hooks: readonly Hook[], { prefix, layers }: Stack) {
    this.#hooks = Array.from({ length: layers }, (_, layer) => `${prefix}blocks.${layer}.attn.hook_pattern`);
    this.#why = this.#hooks.map((name) => whyNot(hooks, name));
  }

  /** Takes the rows of one step. @returns the maps so far, when it is time to draw them again */
  add(seen: readonly StepAttention[], now: number): AttentionMaps | undefined {
    for (const each of seen)
      for (const [hook, rows] of Object.entries(each))
        this.#rows.set(hook, [...(this.#rows.get(hook) ?? []), rows]);
    const isKnown = this.#hooks.some((hook) => this.#rows.has(hook));
    if (!isKnown || now - this.#drawn < pause) return undefined;
    this.#drawn = now;
    return {
      layers: this.#hooks.map((hook, at) => {
        const rows = this.#rows.get(hook);
        return rows === undefined ? { unavailable: this.#why[at] ?? '' } : joined(rows);
      }),
    };
  }
}

/** Rows [1, heads, queries, keys] below each other; keys a row could not see yet weigh nothing, as the mask has it. */
export function joined(parts: readonly FloatTensor[]): FloatTensor {
  const heads = parts[0]?.dims[1] ?? 0;
  const queries = parts.reduce((sum, { dims }) => sum + (dims[2] ?? 0), 0);
  const keys = Math.max(...parts.map(({ dims }) => dims[3] ?? 0));
  const data = new Float32Array(heads * queries * keys);
  let done = 0;
  for (const { dims, data: rows } of parts) {
    const [, , count = 0, width = 0] = dims;
    for (let head = 0; head < heads; head++)
      for (let row = 0; row < count; row++) {
        const from = (head * count + row) * width;
        data.set(rows.subarray(from, from + width), (head * queries + done + row) * keys);
      }
    done += count;
  }
  return { type: 'float32', dims: [1, heads, queries, keys], data };
}
