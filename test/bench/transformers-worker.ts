import { AutoModelForCausalLM, AutoTokenizer, BaseStreamer, env } from '@huggingface/transformers';
import { countGpu } from './counted.ts';

/** What plain transformers.js is asked to do; it answers with the time of each token, in ms. */
export type Ask =
  | {
      readonly kind: 'open';
      readonly folder: string;
      readonly device: 'wasm' | 'webgpu';
      readonly threads: number;
    }
  | { readonly kind: 'round'; readonly prompt: string; readonly options: Record<string, unknown> };

type Model = Awaited<ReturnType<typeof AutoModelForCausalLM.from_pretrained>>;
type Tokenizer = Awaited<ReturnType<typeof AutoTokenizer.from_pretrained>>;
let opened: { readonly model: Model; readonly tokenizer: Tokenizer } | undefined;

class Clock extends BaseStreamer {
  readonly times: number[] = [];
  override put(): void {
    this.times.push(performance.now());
  }
  override end(): void {
    // Nothing is held back.
  }
}

async function answer(ask: Ask): Promise<readonly number[]> {
  if (ask.kind === 'open') {
    if (ask.device === 'webgpu') countGpu();
    env.allowRemoteModels = false;
    env.allowLocalModels = true;
    env.localModelPath = '/models/';
    const { wasm } = env.backends.onnx;
    if (wasm !== undefined) {
      // Its own default is a CDN; the bundler put the file beside this one.
      delete wasm.wasmPaths;
      wasm.numThreads = ask.threads;
    }
    const tokenizer = await AutoTokenizer.from_pretrained(ask.folder);
    const model = await AutoModelForCausalLM.from_pretrained(ask.folder, {
      dtype: 'fp32',
      device: ask.device,
    });
    opened = { model, tokenizer };
    return [];
  }
  if (opened === undefined) throw new Error('The model was not opened.');
  const clock = new Clock();
  await opened.model.generate({
    ...opened.tokenizer(ask.prompt),
    ...ask.options,
    streamer: clock,
  } as never);
  // The first call brings the prompt itself.
  return clock.times.slice(1);
}

// The runtime's threads load this bundle again, and bring a listener of their own.
if (!self.name.startsWith('em-pthread'))
  self.addEventListener('message', async ({ data }: MessageEvent<Ask>) => {
    try {
      self.postMessage({ times: await answer(data) });
    } catch (error) {
      self.postMessage({ error: String(error) });
    }
  });
