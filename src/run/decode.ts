import { SondeError } from '../shared/errors.ts';
import type { Plan } from '../shared/plan.ts';
import type { CaptureStore } from './capture.ts';
import { completeFeeds, idTensor } from './feeds.ts';
import { toFloatTensor } from './float.ts';
import type { LoadedModel } from './model.ts';
import type { Sampler } from './sample.ts';
import type { Feeds, Fetches } from './sessions.ts';

export interface DecodeOptions {
  readonly plan: Plan;
  readonly sample: Sampler;
  readonly maxNewTokens: number;
  readonly stop: ReadonlySet<number>;
  /** Takes over what each step's taps gave. */
  readonly capture?: CaptureStore;
}

/** One new token with the row of logits it was chosen from, [vocabulary]. */
export interface Decoded {
  readonly id: number;
  readonly logits: Float32Array;
}

/**
 * Prefill, then one forward a token; the cache stays where the session left it (on the GPU on WebGPU).
 * The token that ends the text is yielded too.
 */
export async function* decode(
  model: LoadedModel,
  prompt: readonly number[],
  options: DecodeOptions,
): AsyncGenerator<Decoded> {
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
      const logits = lastRow(fetches, anatomy.logits);
      const next = anatomy.cache.length === 0 ? undefined : pastOf(model, fetches);
      if (next === undefined) options.capture?.clear();
      options.capture?.add(session.graph.taps, fetches);
      release(past, options.capture);
      past = next;
      const id = options.sample(logits);
      sequence = [...sequence, id];
      yield { id, logits };
      if (options.stop.has(id)) return;
      // Without a cache the whole sequence runs again.
      fresh = past === undefined ? sequence : [id];
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
function release(past: Feeds | undefined, capture: CaptureStore | undefined): void {
  for (const tensor of Object.values(past ?? {})) {
    if (capture?.holds(tensor)) continue;
    try {
      tensor.dispose();
    } catch {
      // A runtime that broke can free nothing; the fault that broke it is the one to be told.
    }
  }
}

/** The last position of logits [1, p, vocabulary]. */
export function lastRow(fetches: Fetches, output: string | undefined): Float32Array {
  const tensor = output === undefined ? undefined : fetches[output];
  if (tensor === undefined) {
    throw new SondeError(
      'wrong_task',
      'This model has no logits to choose a token from.',
      'Load a text-generation model.',
    );
  }
  const { data, dims } = toFloatTensor(tensor);
  const vocabulary = dims.at(-1) ?? 0;
  return data.slice(data.length - vocabulary);
}
