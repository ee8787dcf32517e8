import type { FloatTensor } from '../shared/tensor.ts';
import type { OrtTensor } from './runtime.ts';

/** The value of half-precision bits (IEEE 754 binary16), exactly representable in float32. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * A CPU tensor of any numeric type as float32. Half-precision bits are widened; where the engine has
 * Float16Array the runtime hands that out instead of bits. Integers beyond 2^24 lose their last digits.
 */
export function toFloatTensor(tensor: OrtTensor): FloatTensor {
  const { data } = tensor;
  const dims = [...tensor.dims];
  if (data instanceof Float32Array) return { type: 'float32', dims, data };
  if (tensor.type === 'float16' && data instanceof Uint16Array) {
    return { type: 'float32', dims, data: Float32Array.from(data, halfToFloat) };
  }
  return { type: 'float32', dims, data: Float32Array.from(data as ArrayLike<number | bigint>, Number) };
}
