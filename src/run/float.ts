import { halfToFloat } from '../shared/half.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import type { OrtTensor } from './runtime.ts';

/** The nearest half-precision bits, ties to even. */
export function floatToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  if (size < 2 ** -24 / 2) return sign;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const scaled = size / 2 ** (exponent - 10);
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  // A carry out of the fraction raises the exponent by itself; below 2^-14 there is no hidden one.
  return sign | (rounded + (size < 2 ** -14 ? 0 : (exponent + 14) * 1024));
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
