import { InferenceSession, Tensor } from 'onnxruntime-web/webgpu';
import { expect, it } from 'vitest';

/** A protobuf field of wire type 2 (bytes, text, nested message). */
const field = (number: number, payload: readonly number[]): number[] => [
  (number << 3) | 2,
  payload.length,
  ...payload,
];
const text = (value: string): number[] => [...new TextEncoder().encode(value)];
const varint = (number: number, value: number): number[] => [number << 3, value];

/** ONNX ValueInfoProto of a float32 tensor [2]. */
const port = (name: string): number[] =>
  field(2, field(1, [...varint(1, 1), ...field(2, field(1, varint(1, 2)))])).concat(field(1, text(name)));

/** y = x + x over float32 [2], written by hand so that nothing but onnxruntime is under test. */
const doubler = new Uint8Array([
  ...varint(1, 8),
  ...field(7, [
    ...field(1, [
      ...field(1, text('x')),
      ...field(1, text('x')),
      ...field(2, text('y')),
      ...field(4, text('Add')),
    ]),
    ...field(2, text('g')),
    ...field(11, port('x')),
    ...field(12, port('y')),
  ]),
  ...field(8, varint(2, 13)),
]);

it('gives the page a WebGPU adapter and cross-origin isolation', async () => {
  expect(crossOriginIsolated).toBe(true);
  const adapter = await navigator.gpu.requestAdapter();
  expect(adapter).not.toBeNull();
});

it('runs a graph on WebGPU and leaves its result on the GPU until it is read', async () => {
  const session = await InferenceSession.create(doubler, {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  });
  const { y } = await session.run({ x: new Tensor('float32', new Float32Array([1.5, -2]), [2]) });
  expect(y?.location).toBe('gpu-buffer');
  expect(await y?.getData(true)).toEqual(new Float32Array([3, -4]));
  await session.release();
});
