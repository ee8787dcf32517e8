import { emptyPlan, type Plan } from '../shared/plan.ts';
import type { KeyValueCache } from './cache.ts';
import type { CaptureStore } from './capture.ts';
import { type Choice, createChooser } from './choose.ts';
import { nameFault } from './fault.ts';
import { completeFeeds, idTensor } from './feeds.ts';
import { encode, type Generator } from './generator.ts';
import type { LoadedModel } from './model.ts';
import { ownPlan } from './plan.ts';
import type { OrtTensor } from './runtime.ts';
import type { Sampler } from './sample.ts';
import type { Feeds, PlanSession } from './sessions.ts';

export interface DecodeOptions {
  readonly plan?: Plan;
  readonly sampler: Sampler;
  readonly maxNewTokens: number;
  /** Ids that end the text; each is yielded too. */
  readonly stop: ReadonlySet<number>;
  /** What an encoder-decoder reads; the prompt is then what its decoder begins with. */
  readonly source?: readonly number[];
  /** Tokens of one forward over the prompt. Default: all of them. */
  readonly prefillChunk?: number;
  /** Most tokens a forward can see: when the window is full, its younger half runs again as a prompt. */
  readonly window?: number;
  /** Takes over what each step's taps gave; without it they are freed. */
  readonly capture?: CaptureStore;
}

/**
 * Prefill, then one forward a token. What the cache holds of the prompt already is not run again, and the cache
 * stays the caller's.
 */
export async function* decode(
  { encoder, decoder: model }: Generator,
  prompt: readonly number[],
  cache: KeyValueCache,
  options: DecodeOptions,
): AsyncGenerator<Choice> {
  const { plan = emptyPlan, sampler, capture, window = Number.POSITIVE_INFINITY } = options;
  const { instrumented, gpu } = model;
  const source = encoder === undefined ? {} : await encode(encoder, options.source ?? [], plan, capture);
  const session = await model.sessions.open(ownPlan(model, plan));
  const logitsName = instrumented.anatomy.logits ?? '';
  const sequence = [...prompt];
  let start = 0;
  const chooser = createChooser(model, sampler);
  cache.rollBack(Math.min(sharedStart(cache.ids, prompt), prompt.length - 1));
  try {
    for (let made = 0; made < options.maxNewTokens; made++) {
      if (sequence.length - start > window) {
        start = sequence.length - Math.max(1, Math.floor(window / 2));
        cache.rollBack(0);
        capture?.clear();
      }
      const seen = start === 0 ? sequence : sequence.slice(start);
      const logits = await advance(model, session, seen, cache, source, options);
      const { choice } = await chooser.choose(logits, sequence).catch(async (cause: unknown) => {
        throw await nameFault(cause, 'The next token could not be chosen.', gpu);
      });
      if (logits !== undefined) release({ [logitsName]: logits }, capture);
      sequence.push(choice.id);
      yield choice;
      if (options.stop.has(choice.id)) return;
    }
  } finally {
    chooser.dispose();
    release(source, capture);
  }
}

/** Runs what the cache has not seen; of the chunks of a prompt only the last one's logits are wanted. */
async function advance(
  model: LoadedModel,
  session: PlanSession,
  sequence: readonly number[],
  cache: KeyValueCache,
  source: Feeds,
  { prefillChunk = Number.POSITIVE_INFINITY, capture }: DecodeOptions,
): Promise<OrtTensor | undefined> {
  const { runtime, instrumented } = model;
  const { anatomy } = instrumented;
  // Without a cache the whole sequence runs again each time.
  const hasCache = anatomy.cache.length > 0;
  for (;;) {
    const from = cache.ids.length;
    const to = hasCache ? Math.min(sequence.length, from + prefillChunk) : sequence.length;
    const fresh = sequence.slice(from, to);
    const feeds = completeFeeds(
      runtime.ort,
      instrumented,
      { input_ids: idTensor([fresh]) },
      { ...source, ...cache.feeds },
    );
    const fetches = await session.run(feeds);
    if (!hasCache) capture?.clear();
    capture?.add(session.graph.taps, fetches);
    cache.take(fresh, fetches, capture);
    const { logits } = anatomy;
    if (to === sequence.length) return logits === undefined ? undefined : fetches[logits];
    if (logits !== undefined) release({ logits: fetches[logits] }, capture);
  }
}

function sharedStart(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

/** A hook may be tapped at a tensor of the model's own: such a tensor lives on in the capture. */
function release(
  tensors: Readonly<Record<string, OrtTensor | undefined>>,
  capture: CaptureStore | undefined,
): void {
  for (const tensor of Object.values(tensors)) {
    if (tensor === undefined || capture?.holds(tensor)) continue;
    try {
      tensor.dispose();
    } catch {
      // A runtime that broke can free nothing; the fault that broke it is the one to be told.
    }
  }
}
