import { depthIndex, depthPixels, type Scheme } from './depth.ts';

export type Measure = 'linear' | 'log';
/** Where the logarithmic measure begins: attention at or below it has the scale's first colour. */
export const logFloor = 0.001;

/** Position of a value of [0, 1] on the colour scale. */
export const onScale = (value: number, measure: Measure): number =>
  measure === 'linear' ? value : Math.max(0, 1 - Math.log(Math.max(value, logFloor)) / Math.log(logFloor));

/** One head's pattern within a [1, heads, q, k] buffer: no copy. */
export interface HeadMap {
  /** [queries, keys] row-major. */
  readonly weights: Float32Array;
  readonly queries: number;
  readonly keys: number;
}

export interface Paint {
  readonly scheme: Scheme;
  readonly measure: Measure;
  /** True where a query cannot see later keys: that triangle was not computed by the model and stays empty. */
  readonly causal: boolean;
}

/**
 * One pixel a cell, or the largest value of a `pool` x `pool` block a pixel, so that a thumbnail loses no peak.
 * @returns pixels of ceil(rows/pool) x ceil(columns/pool)
 */
export function paintMap(map: HeadMap, { scheme, measure, causal }: Paint, pool = 1): ImageData {
  const height = Math.ceil(map.queries / pool);
  const width = Math.ceil(map.keys / pool);
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let y = 0; y < height; y++) {
    const lastRow = Math.min(map.queries, (y + 1) * pool) - 1;
    // What lies beyond stays transparent.
    const seen = causal ? Math.min(width, Math.floor(lastRow / pool) + 1) : width;
    for (let x = 0; x < seen; x++) {
      const most = pool === 1 ? (map.weights[y * map.keys + x] ?? 0) : largest(map, y * pool, x * pool, pool);
      pixels[y * width + x] = depthPixels[depthIndex(onScale(most, measure), scheme)] ?? 0;
    }
  }
  return image;
}

function largest(map: HeadMap, top: number, left: number, pool: number): number {
  let most = 0;
  for (let row = top; row < Math.min(map.queries, top + pool); row++)
    for (let column = left; column < Math.min(map.keys, left + pool); column++)
      most = Math.max(most, map.weights[row * map.keys + column] ?? 0);
  return most;
}
