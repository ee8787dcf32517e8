import { elementCount } from '../shared/tensor.ts';
import type { Ort, OrtTensor } from './runtime.ts';

/** onnxruntime binds whole vec4s: a buffer that ends off a 16-byte edge would be read past its end. */
export const bufferSize = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** Bytes of one element of keys, values or states. */
export const elementBytes = ({ type }: OrtTensor): number => (type === 'float16' ? 2 : 4);

/** A tensor of the same type in a GPU buffer of its own, still to be filled; with the tensor goes the buffer. */
export function emptyOnGpu(
  ort: Ort,
  device: GPUDevice,
  like: OrtTensor,
  dims: readonly number[],
): { readonly tensor: OrtTensor; readonly buffer: GPUBuffer } {
  const buffer = device.createBuffer({
    size: bufferSize(elementCount(dims) * elementBytes(like)),
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  const tensor = ort.Tensor.fromGpuBuffer(buffer, {
    dataType: like.type as 'float32',
    dims,
    dispose: () => buffer.destroy(),
  });
  return { tensor, buffer };
}
