import type { Query } from '../kernels/kernel.ts';
import { SondeError } from '../shared/errors.ts';
import { emptyPlan, type Plan } from '../shared/plan.ts';
import type { KeyValueCache } from './cache.ts';
import { type CaptureStore, release } from './capture.ts';
import { type Choice, createChooser } from './choose.ts';
import { nameFault } from './fault.ts';
import { completeFeeds, idTensor } from './feeds.ts';
import { encode, type Generator } from './generator.ts';
import type { LoadedModel } from './model.ts';
import { ownPlan } from './plan.ts';
import type { Sampler } from './sample.ts';
import type { Feeds, Fetches, PlanSession } from './sessions.ts';
import type { Watcher } from './watch.ts';

export interface DecodeOptions<Seen = never> {
  readonly plan?: Plan;
  readonly sampler: Sampler;
  readonly maxNewTokens: number;
  /** Ids that end the text; each is yielded too. */
  readonly stop: ReadonlySet<number>;
  /** What an encoder-decoder reads; the prompt is then what its decoder begins with. */
  readonly source?: readonly number[];
  /** Tokens of one forward over the prompt. Default: all of them. */
  readonly prefillChunk?: number;
  /** Told of a piece of the prompt that there was no memory for, and of how many tokens the next ones have. */
  readonly onSmallerChunk?: (tokens: number) => void;
  /** Most tokens a forward can see: when the window is full, its younger half runs again as a prompt. */
  readonly window?: number;
  /** Keeps what each step's taps gave; without it they are freed. */
  readonly capture?: CaptureStore;
  /** Looks at what each step's taps gave. */
  readonly watcher?: Watcher<Seen>;
  /** The taps leave the graph gathered; for a watcher that knows parts. */
  readonly isGathered?: true;
}

/** A chosen token, and what was seen in the forwards before it: one, or one for each chunk of the prompt. */
export interface Decoded<Seen> extends Choice {
  readonly seen: readonly Seen[];
  /** Where in the text the forward began to see: past 0 where the window slid. */
  readonly start: number;
}

/** One decoder at work, with everything that stays the same over its steps. */
interface Decoder<Seen> {
  readonly model: LoadedModel;
  readonly session: PlanSession;
  readonly cache: KeyValueCache;
  /** The encoder's states by the decoder's input name; nothing for a model of one graph. */
  readonly source: Feeds;
  readonly options: DecodeOptions<Seen>;
  /** Most tokens of one forward: fewer once memory ran out. */
  chunk: number;
}

/** A chunk that small needs no more than a step does, in any way that a smaller one would help. */
const leastChunk = 16;

/**
 * Prefill, then one forward a token. What the cache holds of the prompt already is not run again, and the cache
 * stays the caller's.
 */
export async function* decode<Seen = never>(
  { encoder, decoder: model }: Generator,
  prompt: readonly number[],
  cache: KeyValueCache,
  options: DecodeOptions<Seen>,
): AsyncGenerator<Decoded<Seen>> {
  const { plan = emptyPlan, sampler, capture, watcher, window = Number.POSITIVE_INFINITY } = options;
  const { prefillChunk: chunk = Number.POSITIVE_INFINITY } = options;
  const source = encoder === undefined ? {} : await encode(encoder, options.source ?? [], plan, capture);
  const own = ownPlan(model, plan);
  const session = await model.sessions.open(options.isGathered ? { ...own, isGathered: true } : own);
  const decoder: Decoder<Seen> = { model, session, cache, source, options, chunk };
  const chooser = createChooser(model, sampler);
  const sequence = [...prompt];
  let start = 0;
  cache.rollBack(Math.min(sharedStart(cache.ids, prompt), prompt.length - 1));
  try {
    for (let made = 0; made < options.maxNewTokens; made++) {
      if (sequence.length - start > window) {
        start = sequence.length - Math.max(1, Math.floor(window / 2));
        cache.rollBack(0);
        capture?.clear(session.graph.taps);
      }
      const { fetches, seen } = await advance(decoder, start === 0 ? sequence : sequence.slice(start));
      const logits = fetches[model.instrumented.anatomy.logits ?? ''];
      const look = watcher?.look(session.graph.taps, fetches, sequence.slice(start));
      const { choice, beside } = await chooser
        .choose(logits, sequence, look)
        .catch(async (cause: unknown) => {
          throw await model.runtime.exclusive(() =>
            nameFault(cause, 'The next token could not be chosen.', model.gpu),
          );
        });
      releaseOutputs(decoder, fetches);
      sequence.push(choice.id);
      yield { ...choice, seen: beside === undefined ? seen : [...seen, beside], start };
      if (options.stop.has(choice.id)) return;
    }
  } finally {
    chooser.dispose();
    for (const tensor of Object.values(source)) release(tensor, capture);
  }
}

/**
 * Runs what the cache has not seen, and leaves the outputs of the last forward for whoever chooses from them.
 * Of the chunks of a prompt only the last one's logits are wanted.
 */
async function advance<Seen>(
  decoder: Decoder<Seen>,
  sequence: readonly number[],
): Promise<{ readonly fetches: Fetches; readonly seen: readonly Seen[] }> {
  const { model, session, cache, source, options } = decoder;
  const { capture, watcher } = options;
  const { runtime, instrumented } = model;
  // Without a cache the whole sequence runs again each time.
  const hasCache = instrumented.anatomy.cache.length > 0;
  const seen: Seen[] = [];
  for (;;) {
    const from = cache.ids.length;
    const to = hasCache ? Math.min(sequence.length, from + decoder.chunk) : sequence.length;
    const fresh = sequence.slice(from, to);
    const given = { input_ids: idTensor([fresh]) };
    const feeds = completeFeeds(runtime.ort, instrumented, given, { ...source, ...cache.feeds });
    const fetches = await session.run(feeds).catch((error: unknown) => {
      if (!hasCache || fresh.length <= leastChunk || !isShortOfMemory(error)) throw error;
      return undefined;
    });
    if (fetches === undefined) {
      decoder.chunk = Math.max(leastChunk, Math.ceil(fresh.length / 4));
      options.onSmallerChunk?.(decoder.chunk);
      continue;
    }
    if (!hasCache) capture?.clear(session.graph.taps);
    capture?.add(session.graph.taps, fetches);
    cache.take(fresh, fetches, capture);
    if (to === sequence.length) return { fetches, seen };
    if (watcher !== undefined)
      seen.push(await ask(model, watcher.look(session.graph.taps, fetches, sequence.slice(0, to))));
    releaseOutputs(decoder, fetches);
  }
}

/** A heap that was written past its end is beyond a second try. */
const isShortOfMemory = (error: unknown): boolean =>
  error instanceof SondeError &&
  error.code === 'out_of_memory' &&
  !(error.cause instanceof Error && error.cause.name === 'RuntimeError');

async function ask<T>({ executor }: LoadedModel, query: Query<T>): Promise<T> {
  if (executor === undefined) return query.answer([]);
  const [answer] = await executor.ask(query);
  return answer;
}

function sharedStart(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

/** Logits and taps of a forward; the cache has taken what it keeps. */
function releaseOutputs<Seen>({ session, model, cache, options }: Decoder<Seen>, fetches: Fetches): void {
  const { logits = '' } = model.instrumented.anatomy;
  const kept = new Set(Object.values(cache.feeds));
  for (const name of new Set([logits, ...session.graph.taps.map(({ output }) => output)])) {
    const tensor = fetches[name];
    if (tensor !== undefined && !kept.has(tensor)) release(tensor, options.capture);
  }
}
