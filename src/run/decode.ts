import type { Plan } from '../shared/plan.ts';
import type { CaptureStore } from './capture.ts';
import { type Choice, chooseToken } from './choose.ts';
import { nameFault } from './fault.ts';
import { completeFeeds, idTensor } from './feeds.ts';
import type { LoadedModel } from './model.ts';
import type { OrtTensor } from './runtime.ts';
import type { Sampler } from './sample.ts';
import type { Feeds, Fetches } from './sessions.ts';

export interface DecodeOptions {
  readonly plan: Plan;
  readonly sampler: Sampler;
  readonly maxNewTokens: number;
  readonly stop: ReadonlySet<number>;
  /** Takes over what each step's taps gave. */
  readonly capture?: CaptureStore;
}

/**
 * Prefill, then one forward a token; the cache stays where the session left it (on the GPU on WebGPU).
 * The token that ends the text is yielded too.
 */
export async function* decode(
  model: LoadedModel,
  prompt: readonly number[],
  options: DecodeOptions,
): AsyncGenerator<Choice> {
  const session = await model.sessions.open(options.plan);
  const { anatomy } = model.instrumented;
  let past: Feeds | undefined;
  let sequence = [...prompt];
  let fresh: readonly number[] = prompt;
  try {
    for (let index = 0; index < options.maxNewTokens; index++) {
      const feeds = completeFeeds(
        model.runtime.ort,
        model.instrumented,
        { input_ids: idTensor([fresh]) },
        past,
      );
      const fetches = await session.run(feeds);
      const next = anatomy.cache.length === 0 ? undefined : pastOf(model, fetches);
      if (next === undefined) options.capture?.clear();
      options.capture?.add(session.graph.taps, fetches);
      release(past, options.capture);
      past = next;
      const logits = fetches[anatomy.logits ?? ''];
      const choice = await chooseToken(model.runtime, model.executor, logits, options.sampler).catch(
        async (cause: unknown) => {
          throw await nameFault(cause, 'The next token could not be chosen.', model.gpu);
        },
      );
      release({ logits }, options.capture);
      sequence = [...sequence, choice.id];
      yield choice;
      if (options.stop.has(choice.id)) return;
      // Without a cache the whole sequence runs again.
      fresh = past === undefined ? sequence : [choice.id];
    }
  } finally {
    release(past, options.capture);
  }
}

function pastOf(model: LoadedModel, fetches: Fetches): Feeds {
  const past: Feeds = {};
  for (const slot of model.instrumented.anatomy.cache) {
    const present = fetches[slot.present];
    if (present !== undefined) past[slot.past] = present;
  }
  return past;
}

/** A hook may be tapped at the cache itself (`hook_k` at present.0.key): such a tensor lives on in the capture. */
function release(
  tensors: Readonly<Record<string, OrtTensor | undefined>> | undefined,
  capture: CaptureStore | undefined,
): void {
  for (const tensor of Object.values(tensors ?? {})) {
    if (tensor === undefined || capture?.holds(tensor)) continue;
    try {
      tensor.dispose();
    } catch {
      // A runtime that broke can free nothing; the fault that broke it is the one to be told.
    }
  }
}
