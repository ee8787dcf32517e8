import { createSonde } from '../../src/index.ts';
import { asker } from './ask.ts';

export type Device = 'wasm' | 'webgpu';

const model = 'shakespeare-gpt';
const prompt = 'To be, or not to be: that is the';

/** In ms: from nothing but a page to the first token, in a browser that has seen neither. */
export const coldOpen = {
  async Sonde(device: Device): Promise<number> {
    const start = performance.now();
    const sonde = createSonde({ device });
    const opened = await sonde.load(`/models/${model}`);
    for await (const _step of opened.generate(prompt, { maxNewTokens: 1 })) break;
    const time = performance.now() - start;
    await sonde.dispose();
    return time;
  },
  async 'transformers.js'(device: Device): Promise<number> {
    const start = performance.now();
    const { ask, close } = asker();
    await ask({ kind: 'open', folder: model, device, threads: Math.min(4, navigator.hardwareConcurrency) });
    const options = { do_sample: false, max_new_tokens: 1, eos_token_id: -1 };
    await ask({ kind: 'round', prompt, options, isStreamed: false });
    const time = performance.now() - start;
    close();
    return time;
  },
};

export type Opener = keyof typeof coldOpen;
