import { elementCount } from '../shared/tensor.ts';
import type { Ort, OrtTensor } from './runtime.ts';

/**
 * A float32 tensor of its own with the same values, for one that somebody else will free. On the GPU the copy is
 * made there.
 */
export function duplicate(ort: Ort, tensor: OrtTensor, device: GPUDevice | undefined): OrtTensor {
  const { dims } = tensor;
  if (tensor.location !== 'gpu-buffer' || device === undefined) {
    return new ort.Tensor('float32', (tensor.data as Float32Array).slice(), dims);
  }
  const size = elementCount(dims) * Float32Array.BYTES_PER_ELEMENT;
  const buffer = copied(device, tensor.gpuBuffer as GPUBuffer, size, GPUBufferUsage.COPY_SRC);
  return ort.Tensor.fromGpuBuffer(buffer, {
    dataType: 'float32',
    dims,
    dispose: () => buffer.destroy(),
    async download() {
      const staging = copied(device, buffer, size, GPUBufferUsage.MAP_READ);
      await staging.mapAsync(GPUMapMode.READ);
      const values = new Float32Array(staging.getMappedRange().slice(0));
      staging.destroy();
      return values;
    },
  });
}

function copied(device: GPUDevice, from: GPUBuffer, size: number, usage: GPUBufferUsageFlags): GPUBuffer {
  const buffer = device.createBuffer({ size, usage: usage | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(from, 0, buffer, 0, size);
  device.queue.submit([encoder.finish()]);
  return buffer;
}
