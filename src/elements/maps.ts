import type { FloatTensor } from '../shared/tensor.ts';
import type { HeadMap } from './paint.ts';

/** Attention patterns of a whole model over one sequence. */
export interface AttentionMaps {
  /** One per layer, [1, heads, q, k]; a layer whose pattern the model cannot give is absent, with its reason. */
  readonly layers: readonly (FloatTensor | { readonly unavailable: string })[];
  /** Largest error of a value where it was stored rounded (a recorded example); absent = as computed. */
  readonly precision?: number;
  /** Whether a query never reads what comes later; where it is not said, every value is looked at. */
  readonly causal?: boolean;
}

function layerOf(maps: AttentionMaps, layer: number, head: number): FloatTensor | undefined {
  const tensor = maps.layers[layer];
  if (tensor === undefined || 'unavailable' in tensor) return undefined;
  return head >= 0 && head < (tensor.dims[1] ?? 0) ? tensor : undefined;
}

/** Looks at no value: these may be made when they are first looked at. */
export const hasHead = (maps: AttentionMaps, layer: number, head: number): boolean =>
  layerOf(maps, layer, head) !== undefined;

export function headMap(maps: AttentionMaps, layer: number, head: number): HeadMap | undefined {
  const tensor = layerOf(maps, layer, head);
  if (tensor === undefined) return undefined;
  const [, , queries = 0, keys = 0] = tensor.dims;
  const size = queries * keys;
  return { weights: tensor.data.subarray(head * size, (head + 1) * size), queries, keys };
}

export function headCount(maps: AttentionMaps): number {
  let most = 0;
  for (const layer of maps.layers) if (!('unavailable' in layer)) most = Math.max(most, layer.dims[1] ?? 0);
  return most;
}

/** True when every value right of the diagonal is exactly 0, as a causal mask makes it. */
export function isCausal(maps: AttentionMaps): boolean {
  let seen = false;
  for (let layer = 0; layer < maps.layers.length; layer++) {
    for (let head = 0; head < headCount(maps); head++) {
      const map = headMap(maps, layer, head);
      if (map === undefined || map.queries < 2 || map.queries !== map.keys) continue;
      seen = true;
      for (let row = 0; row < map.queries; row++)
        for (let column = row + 1; column < map.keys; column++)
          if (map.weights[row * map.keys + column] !== 0) return false;
    }
  }
  return seen;
}
