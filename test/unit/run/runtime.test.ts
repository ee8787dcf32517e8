import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';
import { expect, it } from 'vitest';
import { claimRuntime } from '../../../src/run/runtime.ts';

const json = (path: string): { dependencies: Record<string, string> } =>
  JSON.parse(readFileSync(path, 'utf8')) as { dependencies: Record<string, string> };

it('depends on exactly the onnxruntime-web that transformers.js pins, so that a bundle holds one', () => {
  const pinned = json('node_modules/@huggingface/transformers/package.json').dependencies['onnxruntime-web'];
  expect(json('package.json').dependencies['onnxruntime-web']).toBe(pinned);
});

it('names a second copy of onnxruntime in one thread, and takes the same one twice', () => {
  claimRuntime(ort, { threads: 1 });
  expect(claimRuntime(ort, { threads: 1 }).version).toBe(ort.env.versions.web);
  const copy = { ...ort, InferenceSession: { ...ort.InferenceSession } } as unknown as typeof ort;
  expect(() => claimRuntime(copy, { threads: 1 })).toThrow(
    expect.objectContaining({ code: 'second_runtime' }),
  );
});
