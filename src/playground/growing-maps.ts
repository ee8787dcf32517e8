import type { AttentionMaps } from '../elements/maps.ts';
import type { FloatTensor, Hook, StepAttention } from '../index.ts';
import { patternHook, type Stack, whyNot } from './stack.ts';

/** Milliseconds between two drawings: each costs the page a repaint of every head. */
const pause = 250;

/** Attention patterns of a generation that goes on, from the rows that come with each step. */
export class GrowingMaps {
  readonly #hooks: readonly string[];
  readonly #why: readonly string[];
  readonly #rows = new Map<string, readonly FloatTensor[]>();
  #isCausal: boolean;
  #drawn = 0;

  constructor(hooks: readonly Hook[], stack: Stack) {
    this.#hooks = Array.from({ length: stack.layers }, (_, layer) => patternHook(stack, layer));
    this.#isCausal = stack.attention === 'attn';
    this.#why = this.#hooks.map((name) => whyNot(hooks, name));
  }

  /** Takes the rows of one step. @returns the maps so far, when it is time to draw them again */
  add(seen: readonly StepAttention[], now: number): AttentionMaps | undefined {
    for (const each of seen)
      for (const [hook, rows] of Object.entries(each)) {
        this.#rows.set(hook, [...(this.#rows.get(hook) ?? []), rows]);
        this.#isCausal &&= endsOnDiagonal(rows);
      }
    const isKnown = this.#hooks.some((hook) => this.#rows.has(hook));
    if (!isKnown || now - this.#drawn < pause) return undefined;
    this.#drawn = now;
    return {
      causal: this.#isCausal,
      layers: this.#hooks.map((hook, at) => {
        const rows = this.#rows.get(hook);
        return rows === undefined ? { unavailable: this.#why[at] ?? '' } : lazily(rows);
      }),
    };
  }
}

/** True where no query weighs a key that comes after it; the last row's last key is the query itself. */
function endsOnDiagonal({ dims, data }: FloatTensor): boolean {
  const [, heads = 0, queries = 0, keys = 0] = dims;
  for (let head = 0; head < heads; head++)
    for (let query = 0; query < queries; query++) {
      const row = (head * queries + query) * keys;
      for (let key = keys - queries + query + 1; key < keys; key++) if (data[row + key] !== 0) return false;
    }
  return true;
}

/** Joined when somebody looks: of a long text each layer is megabytes, and each is painted in a turn of its own. */
function lazily(parts: readonly FloatTensor[]): FloatTensor {
  let whole: FloatTensor | undefined;
  return {
    type: 'float32',
    dims: joinedDims(parts),
    get data() {
      whole ??= joined(parts);
      return whole.data;
    },
  };
}

/** Rows [1, heads, queries, keys] below each other; keys a row could not see yet weigh nothing, as the mask has it. */
export function joined(parts: readonly FloatTensor[]): FloatTensor {
  const dims = joinedDims(parts);
  const [, heads, queries, keys] = dims;
  const data = new Float32Array(heads * queries * keys);
  let done = 0;
  for (const part of parts) {
    const [, , count = 0, width = 0] = part.dims;
    for (let head = 0; head < heads; head++)
      for (let row = 0; row < count; row++) {
        const from = (head * count + row) * width;
        data.set(part.data.subarray(from, from + width), (head * queries + done + row) * keys);
      }
    done += count;
  }
  return { type: 'float32', dims, data };
}

const joinedDims = (parts: readonly FloatTensor[]): [number, number, number, number] => [
  1,
  parts[0]?.dims[1] ?? 0,
  parts.reduce((sum, { dims }) => sum + (dims[2] ?? 0), 0),
  Math.max(...parts.map(({ dims }) => dims[3] ?? 0)),
];
