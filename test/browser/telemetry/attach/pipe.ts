import { env, pipeline } from '@huggingface/transformers';

/** The application: it classifies the words of a sentence with transformers.js, and knows nothing of Sonde. */
export async function answer(text: string): Promise<unknown> {
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = '/';
  env.useBrowserCache = false;
  // The wasm that the build emitted, not a CDN's.
  if (env.backends.onnx.wasm !== undefined) delete env.backends.onnx.wasm.wasmPaths;
  const tag = await pipeline('token-classification', 'tokens', { dtype: 'fp32', device: 'wasm' });
  return tag(text);
}
