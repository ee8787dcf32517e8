import {
  AutoModelForCausalLM,
  AutoTokenizer,
  BaseStreamer,
  env,
  TextStreamer,
} from '@huggingface/transformers';
import { countGpu } from './counted.ts';

/** What plain transformers.js is asked to do; it answers with the time of each token, in ms. */
export type Ask =
  | {
      readonly kind: 'open';
      readonly folder: string;
      readonly device: 'wasm' | 'webgpu';
      readonly threads: number;
    }
  | {
      readonly kind: 'round';
      readonly prompt: string;
      readonly options: Record<string, unknown>;
      /** Each token's text goes to the page as it comes, which is what a page shows. */
      readonly isStreamed: boolean;
    };

export type Told =
  | { readonly times: readonly number[] }
  | { readonly text: string }
  | { readonly error: string };

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

/** Its own streamer of text, whose every token is told to the page. */
function streamed(tokenizer: Tokenizer, clock: Clock): TextStreamer {
  return new TextStreamer(tokenizer, {
    callback_function: (text: string) => self.postMessage({ text } satisfies Told),
    token_callback_function: () => clock.put(),
  });
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
  const streamer = ask.isStreamed ? streamed(opened.tokenizer, clock) : clock;
  await opened.model.generate({ ...opened.tokenizer(ask.prompt), ...ask.options, streamer } as never);
  // The first call brings the prompt itself.
  return clock.times.slice(1);
}

// The runtime's threads load this bundle again, and bring a listener of their own.
if (!self.name.startsWith('em-pthread'))
  self.addEventListener('message', async ({ data }: MessageEvent<Ask>) => {
    try {
      self.postMessage({ times: await answer(data) } satisfies Told);
    } catch (error) {
      self.postMessage({ error: String(error) } satisfies Told);
    }
  });
