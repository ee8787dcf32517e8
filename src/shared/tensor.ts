/** Element types a tensor can have when it reaches user code. */
export type TensorType = 'float32' | 'float16' | 'int64' | 'int32' | 'bool' | 'uint8' | 'int8';

export type TensorData = Float32Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array | Int8Array;

/** A dense row-major tensor. `data.length` is the product of `dims`; float16 keeps its bits in a Uint16Array. */
export interface Tensor<Data extends TensorData = TensorData> {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: Data;
}

/** What `capture.get` returns: float16 is widened before it leaves the worker. */
export type FloatTensor = Tensor<Float32Array>;

export const elementCount = (dims: readonly number[]): number =>
  dims.reduce((product, size) => product * size, 1);

/** The elements of a tensor whose bytes, in little-endian order, are the whole of `buffer`. */
export function dataOf(type: TensorType, buffer: ArrayBuffer): TensorData {
  switch (type) {
    case 'float32':
      return new Float32Array(buffer);
    case 'float16':
      return new Uint16Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'int8':
      return new Int8Array(buffer);
    case 'bool':
    case 'uint8':
      return new Uint8Array(buffer);
  }
}
