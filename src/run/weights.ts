import type { Weight } from '../instrument/instrumented.ts';
import type { ModelWeights } from '../load/load.ts';
import { SondeError } from '../shared/errors.ts';
import { bufferSize } from './gpu-tensor.ts';
import type { Ort, OrtTensor } from './runtime.ts';

/** The downloaded files that hold a model's weights. */
export type WeightFiles = Pick<ModelWeights, 'file' | 'graph' | 'external'>;

/** One set of GPU buffers that every plan's session of a model shares. */
export interface SharedWeights {
  tensor(weight: Weight): OrtTensor;
  dispose(): void;
}

/** The bytes of a weight inside the downloaded files; a view, never a copy. */
export function weightBytes(files: WeightFiles, weight: Weight): Uint8Array<ArrayBuffer> {
  const file = weight.file === files.file ? files.graph : files.external.get(weight.file);
  if (file === undefined || weight.offset + weight.length > file.byteLength) {
    throw new SondeError(
      'file_not_found',
      `The weights of ${files.file} continue in ${weight.file}, which is missing or too short.`,
      'Put every external data file of the export beside the graph.',
    );
  }
  return file.subarray(weight.offset, weight.offset + weight.length);
}

type GpuType = 'float32' | 'float16' | 'int32' | 'int64' | 'uint32' | 'uint8' | 'bool';
const gpuTypes: Readonly<Record<string, GpuType>> = {
  float: 'float32',
  float16: 'float16',
  int32: 'int32',
  int64: 'int64',
  uint32: 'uint32',
  uint8: 'uint8',
  bool: 'bool',
};

export function shareWeights(ort: Ort, device: GPUDevice, files: WeightFiles): SharedWeights {
  const tensors = new Map<string, { tensor: OrtTensor; buffer: GPUBuffer }>();
  return {
    tensor(weight) {
      const known = tensors.get(weight.name);
      if (known !== undefined) return known.tensor;
      const buffer = upload(device, weightBytes(files, weight));
      const dataType = gpuTypes[weight.type];
      if (dataType === undefined) {
        throw new SondeError(
          'graph_unsupported',
          `Weights of type ${weight.type} cannot lie in a GPU buffer.`,
          'Use device "wasm".',
        );
      }
      const tensor = ort.Tensor.fromGpuBuffer(buffer, { dataType, dims: weight.dims });
      tensors.set(weight.name, { tensor, buffer });
      return tensor;
    },
    dispose() {
      for (const { buffer } of tensors.values()) buffer.destroy();
      tensors.clear();
    },
  };
}

function upload(device: GPUDevice, bytes: Uint8Array<ArrayBuffer>): GPUBuffer {
  const size = bufferSize(bytes.byteLength);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const buffer = device.createBuffer({ size, usage, mappedAtCreation: true });
  new Uint8Array(buffer.getMappedRange()).set(bytes);
  buffer.unmap();
  return buffer;
}
