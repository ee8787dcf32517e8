import { dataOf, type TensorData, type TensorType } from '../shared/tensor.ts';

export function toBase64({ buffer, byteOffset, byteLength }: TensorData): string {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  let binary = '';
  // In pieces: `fromCharCode` takes its arguments on the stack.
  for (let at = 0; at < bytes.length; at += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
}

export const fromBase64 = (type: TensorType, base64: string): TensorData =>
  dataOf(type, Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer);
