import { expect, it } from 'vitest';
import { attach } from '../../../src/transformers.ts';

type Library = typeof import('@huggingface/transformers');

/** The file that a CDN serves: onnxruntime-web is inside. */
const bundle = '/node_modules/@huggingface/transformers/dist/transformers.min.js';

async function bundled(): Promise<Library> {
  const library = (await import(/* @vite-ignore */ bundle)) as Library;
  const { env } = library;
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = '/test/';
  env.useBrowserCache = false;
  const folder = `${location.origin}/node_modules/onnxruntime-web/dist/`;
  if (env.backends.onnx.wasm !== undefined) {
    env.backends.onnx.wasm.wasmPaths = {
      mjs: `${folder}ort-wasm-simd-threaded.asyncify.mjs`,
      wasm: `${folder}ort-wasm-simd-threaded.asyncify.wasm`,
    };
  }
  return library;
}

it('a bundle with a runtime of its own inside is told from its env, else when nothing came by', async () => {
  const { env, pipeline } = await bundled();
  const named = expect.objectContaining({ code: 'second_runtime', remedy: expect.stringContaining('npm') });
  expect(() => attach({ env })).toThrow(named);

  const inspector = attach();
  const use = async () => {
    const pipe = await pipeline('token-classification', 'pipelines/tokens', {
      dtype: 'fp32',
      device: 'wasm',
    });
    return pipe('the king lives in rome');
  };
  await expect(inspector.capture(['blocks.*.attn.hook_pattern'], use)).rejects.toEqual(named);
  await expect(inspector.request({}, use)).rejects.toEqual(named);
  inspector.detach();
});

it("a runtime under transformers.js' own symbol is told at once", () => {
  const symbol = Symbol.for('onnxruntime');
  const scope = globalThis as { [symbol]?: unknown };
  scope[symbol] = { InferenceSession: class {} };
  expect(() => attach()).toThrow(expect.objectContaining({ code: 'second_runtime' }));
  delete scope[symbol];
  attach().detach();
});
