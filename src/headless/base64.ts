import type { TensorData, TensorType } from '../shared/tensor.ts';

export function toBase64({ buffer, byteOffset, byteLength }: TensorData): string {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  let binary = '';
  // In pieces: `fromCharCode` takes its arguments on the stack.
  for (let at = 0; at < bytes.length; at += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
}

export function fromBase64(type: TensorType, base64: string): TensorData {
  const { buffer } = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
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
