import type { ModelWeights } from '../load/load.ts';
import type { Tensor } from '../shared/tensor.ts';

/** How far a captured value may lie from its golden, relative to max(1, max|golden|), in fp32. */
export const tolerances = { wasm: 1e-4, webgpu: 1e-3 } as const;

/** The same for half-precision files against float32 goldens, relative to max|golden|. */
export const halfTolerance = 2e-2;

/**
 * The same for quantised files against another onnxruntime. Where two kernels sum in another order, a value at the edge
 * may be rounded to another of the 255 steps of an activation, and a product moves by a step. On WebGPU 4-bit products
 * of `accuracy_level` 4 round all activations to 8 bits, which goldens and WASM do not.
 */
export const quantisedTolerances = { wasm: 1e-2, webgpu: 5e-2 } as const;

type Dtype = ModelWeights['dtype'];

/** How far a device may lie from a reference over the same file, relative: the one place that says it. */
export function toleranceOf(dtype: Dtype, device: 'wasm' | 'webgpu'): number {
  if (dtype === 'fp32') return tolerances[device];
  return dtype === 'q8' || dtype === 'q4' ? quantisedTolerances[device] : halfTolerance;
}

/** How one hook compares with its golden. */
export type Comparison =
  | {
      readonly kind: 'compared';
      readonly difference: number;
      readonly tolerance: number;
      readonly pass: boolean;
    }
  | { readonly kind: 'failed'; readonly reason: string }
  /** The model computes it nowhere that can be reached. */
  | { readonly kind: 'unavailable'; readonly reason: string };

/** How a golden and what was captured compare, in the precision of the files. */
export type Against = (golden: Tensor, captured: Tensor) => Comparison;

export const againstFor =
  (dtype: Dtype, device: 'wasm' | 'webgpu'): Against =>
  (golden, captured) =>
    compare(golden, captured, toleranceOf(dtype, device), dtype === 'fp32' ? 1 : 0);

/** Exporters fill masked scores with the lowest float32, providers with other huge numbers or -inf. */
export const masked = (value: number): boolean => value < -1e30;

/**
 * Where a model rotates a part of each head only, some implementations show that part and some the whole head
 * [b, p, h, e]. Sonde shows the whole, rotated channels first; a narrower golden is held against those.
 */
export function asGolden(hook: string, golden: Tensor, captured: Tensor): Tensor {
  const [width = 0, whole = 0] = [golden.dims.at(-1), captured.dims.at(-1)];
  const leading = (tensor: Tensor): string => tensor.dims.slice(0, -1).join();
  if (!/hook_rot_[qk]$/.test(hook) || width >= whole || leading(golden) !== leading(captured))
    return captured;
  const values = Array.from(captured.data, Number).filter((_, at) => at % whole < width);
  return { type: 'float32', dims: golden.dims, data: Float32Array.from(values) };
}

/**
 * Largest |captured - golden| over all elements. Masked scores must be masked on both sides and count for nothing
 * else, or their size would make any tolerance pass. NaN on either side fails.
 * @param relative tolerance for a golden whose largest value is 1
 * @param floor goldens with a smaller largest value are allowed as much as one with this
 */
export function compare(golden: Tensor, captured: Tensor, relative: number, floor = 1): Comparison {
  const dims = golden.dims.join(', ');
  if (captured.dims.join(', ') !== dims)
    return { kind: 'failed', reason: `captured as [${captured.dims.join(', ')}], golden is [${dims}]` };
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < golden.data.length; i++) {
    const [want, have] = [Number(golden.data[i]), Number(captured.data[i])];
    if (masked(want) !== masked(have))
      return { kind: 'failed', reason: 'a score is masked on one side only' };
    if (masked(want)) continue;
    largest = Math.max(largest, Math.abs(want));
    const distance = Math.abs(have - want);
    // Math.max would carry NaN along, but a comparison with it must never pass.
    if (Number.isNaN(distance)) return { kind: 'failed', reason: 'a value is not a number' };
    difference = Math.max(difference, distance);
  }
  const tolerance = relative * Math.max(floor, largest);
  return { kind: 'compared', difference, tolerance, pass: difference <= tolerance };
}
