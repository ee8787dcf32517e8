import { env, pipeline } from '@huggingface/transformers';
import { describe, expect, it } from 'vitest';
import { attach } from '../../src/transformers.ts';

env.allowRemoteModels = false;
env.allowLocalModels = true;
env.localModelPath = '/test/zoo/';
env.useBrowserCache = false;
const { wasm } = env.backends.onnx;
// Without this transformers.js would fetch the runtime from a CDN.
if (wasm !== undefined) delete wasm.wasmPaths;

describe('text generation', () => {
  it('gives the same', async () => {
    const plain = await pipeline('text-generation', 'gpt2', { dtype: 'fp32', device: 'wasm' });
    const text = 'the cat';
    const options = { max_new_tokens: 6, do_sample: false };
    const before = await plain(text, options);
    const inspector = attach({ env });
    const pipe = await pipeline('text-generation', 'gpt2', { dtype: 'fp32', device: 'wasm' });
    console.log(JSON.stringify(inspector.models[0], (k, v) => k === 'hooks' ? v.length : v));
    inspector.subscribe((r) => console.log(JSON.stringify(r).slice(0, 1500)));
    const after = await inspector.request({ requestId: 'a' }, () => pipe(text, options));
    expect(after).toEqual(before);
    const { result, captures } = await inspector.capture(['blocks.*.attn.hook_pattern'], () => pipe(text, options));
    expect(result).toEqual(before);
    console.log(captures.length, captures[0]?.deviation, JSON.stringify(captures[0]?.hooks));
    await new Promise((r) => setTimeout(r, 300));
    inspector.detach();
  });
});
