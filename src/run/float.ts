import { SondeError } from '../shared/errors.ts';
import { halfToFloat } from '../shared/half.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import type { OrtTensor, Runtime } from './runtime.ts';

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

/**
 * The same wherever the tensor lies: one on the GPU is read back first, and its buffer freed.
 * @throws SondeError `disposed` where it went with its model
 */
export async function readFloatTensor(runtime: Runtime, tensor: OrtTensor): Promise<FloatTensor> {
  if (tensor.location === 'none')
    throw new SondeError(
      'disposed',
      'This value went with its model.',
      'Read it before the model is disposed of.',
    );
  if (tensor.location === 'gpu-buffer') await runtime.exclusive(() => tensor.getData(true));
  return toFloatTensor(tensor);
}
