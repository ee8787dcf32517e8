import { createSonde, type LoadProgress } from '../../src/index.ts';
import { asker } from './ask.ts';

export type Device = 'wasm' | 'webgpu';

const model = 'shakespeare-gpt';
const prompt = 'To be, or not to be: that is the';

export interface ColdOpen {
  /** From nothing but a page to the first token, in a browser that has seen neither, in ms. */
  readonly total: number;
  /** Where of it each stage began, in ms. */
  readonly began: Readonly<Partial<Record<Stage, number>>>;
}

export type Stage = LoadProgress['stage'] | 'generate';

export const coldOpen = {
  async Sonde(device: Device): Promise<ColdOpen> {
    const start = performance.now();
    const began: Partial<Record<Stage, number>> = {};
    const begin = (stage: Stage): void => {
      began[stage] ??= performance.now() - start;
    };
    const sonde = createSonde({ device });
    const opened = await sonde.load(`/models/${model}`, { onProgress: ({ stage }) => begin(stage) });
    begin('generate');
    for await (const _step of opened.generate(prompt, { maxNewTokens: 1 })) break;
    const total = performance.now() - start;
    await sonde.dispose();
    return { total, began };
  },
  async 'transformers.js'(device: Device): Promise<ColdOpen> {
    const start = performance.now();
    const { ask, close } = asker();
    await ask({ kind: 'open', folder: model, device, threads: Math.min(4, navigator.hardwareConcurrency) });
    const options = { do_sample: false, max_new_tokens: 1, eos_token_id: -1 };
    await ask({ kind: 'round', prompt, options, isStreamed: false });
    const total = performance.now() - start;
    close();
    return { total, began: {} };
  },
};

export type Opener = keyof typeof coldOpen;
