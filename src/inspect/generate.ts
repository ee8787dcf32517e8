import type { GpuCounts } from '../kernels/kernel.ts';
import { renderChat } from '../load/chat.ts';
import type { Tokenizer } from '../load/tokenizer.ts';
import { observeStatistics } from '../observe/token.ts';
import type { Generated, GenerateRequest } from '../protocol/calls.ts';
import type { GenerateOptions, GpuWork, Recovery, Step } from '../protocol/request.ts';
import { createCache } from '../run/cache.ts';
import { type Decoded, decode } from '../run/decode.ts';
import { generatorOf } from '../run/generator.ts';
import { createSampler } from '../run/sample.ts';
import { milliseconds } from '../shared/units.ts';
import { aggregate, type Observation } from './aggregate.ts';
import { failedEnd, finish, type Surroundings, tokensOf } from './answers.ts';
import { type Fitted, fitPrompt } from './fit.ts';
import { createHold } from './hold.ts';
import { requireTokenizer } from './inputs.ts';
import { insideOf, type Seen, stepOf } from './level.ts';
import type { ModelEntry } from './model-entry.ts';
import { beginRequest, type Request, type RequestEnd } from './request.ts';

/** Where the steps of a generation go. */
export interface StepSender {
  /** Resolves when the next step may be computed, or the call was stopped. */
  send(step: Step): Promise<void>;
  /** Steps so far. */
  readonly sent: number;
}

const shown = 10;

export async function generate(
  entry: ModelEntry,
  around: Surroundings,
  { prompt }: GenerateRequest,
  options: GenerateOptions,
  steps: StepSender,
  signal: AbortSignal,
): Promise<Generated> {
  const generator = generatorOf(entry.parts);
  const tokenizer = requireTokenizer({ tokenizer: entry.tokenizer, id: entry.info.id });
  const sampler = createSampler(options);
  const inside = insideOf(entry, options);
  const isText = typeof prompt === 'string';
  const text = isText ? prompt : await renderChat(entry.folder, prompt);
  const request = beginRequest(entry.info.identity, 'generate', text, inside.plan, options, around.digest);
  const course: Course = { entry, tokenizer, request, made: [], observed: [], introspection: 0 };
  const cache = createCache(generator.decoder);
  const before = { ...generator.decoder.executor?.counts };
  try {
    const { ids, maxNewTokens, truncated, window } = fitted(entry, tokenizer.ids(text, isText), options);
    Object.assign(course, { inputTokens: ids.length, truncated });
    // An encoder-decoder reads the prompt with its encoder; its decoder begins with a token of its own.
    const isPair = generator.encoder !== undefined;
    const begin = isPair ? [entry.folder.config.decoderStart ?? 0] : ids;
    inside.requireRoom(Math.min(begin.length + maxNewTokens, window ?? Number.POSITIVE_INFINITY), ids.length);
    const stop = new Set([...entry.folder.config.endOfSequence, ...(options.stopTokenIds ?? [])]);
    const hold = createHold(options.stop ?? [], tokenizer.decode, isPair ? [] : ids);
    const decoding = decode<Seen>(generator, begin, cache, {
      ...inside,
      ...(inside.store === undefined ? {} : { capture: inside.store }),
      sampler,
      maxNewTokens,
      stop,
      onSmallerChunk: (tokens) => around.recoveries.push(smallerChunk(tokens)),
      ...(isPair ? { source: ids } : {}),
      ...(window === undefined ? {} : { window }),
      ...(options.prefillChunk === undefined ? {} : { prefillChunk: options.prefillChunk }),
    });
    let isEnded = false;
    let start = 0;
    let hasRun = begin.length;
    for await (const decoded of decoding) {
      if (signal.aborted) break;
      isEnded = stop.has(decoded.id);
      start = decoded.start;
      hasRun = begin.length + course.made.length;
      hold.add(observe(course, decoded), isEnded);
      for (const step of hold.take()) await steps.send(step);
      if (hold.isStopped || signal.aborted) break;
    }
    if (!signal.aborted) for (const step of hold.take(true)) await steps.send(step);
    if (hold.isStopped) takeBack(course, steps.sent);
    const sequence = [...begin, ...course.made];
    cache.rollBack(sequence.length);
    const isAborted = signal.aborted;
    const outcome = isAborted ? 'aborted' : 'ok';
    const provenance = await finish(entry, around, request, { ...sofar(course), outcome, text: hold.text });
    const captured = sequence.slice(start, Math.min(hasRun, sequence.length));
    const { store } = inside;
    store?.cut(captured.length);
    const gpu = workSince(before, generator.decoder.executor?.counts);
    return {
      end: {
        reason: isAborted ? 'aborted' : isEnded || hold.isStopped ? 'stop' : 'length',
        provenance,
        tokens: tokensOf(entry, [...ids, ...course.made]),
        text: hold.text,
        ...(gpu === undefined ? {} : { gpu }),
        ...(store === undefined
          ? {}
          : {
              capture: {
                tokens: tokensOf(entry, captured),
                ...(isPair ? { encoderTokens: tokensOf(entry, ids) } : {}),
                hooks: store.hooks(),
                provenance,
              },
            }),
      },
      ...(store === undefined ? {} : { capture: around.keep(store) }),
    };
  } catch (error) {
    inside.store?.dispose();
    await finish(entry, around, request, failedEnd(error, sofar(course)));
    throw error;
  } finally {
    inside.watcher?.dispose();
    cache.dispose();
  }
}

const smallerChunk = (tokens: number): Recovery => ({
  code: 'out_of_memory',
  message: `Memory ran out. The prompt went on in pieces of ${tokens} tokens.`,
});

/** One generation under way. */
interface Course {
  readonly entry: ModelEntry;
  readonly tokenizer: Tokenizer;
  readonly request: Request;
  made: number[];
  observed: Observation[];
  introspection: number;
  inputTokens?: number;
  truncated?: boolean;
  timeToFirstToken?: number;
}

/** What the model thought of the token it chose. */
function observe(course: Course, { id, logit, statistics, seen }: Decoded<Seen>): Step {
  const { tokenizer, request, made, observed } = course;
  course.timeToFirstToken ??= request.elapsed();
  const before = performance.now();
  const signals = observeStatistics(statistics, logit, shown);
  const step: Step = {
    index: made.length,
    token: tokenizer.token(id),
    confidence: signals.confidence,
    logProbability: signals.logProbability,
    entropy: signals.entropy,
    margin: signals.margin,
    topK: signals.topK.map((chance) => ({ ...tokenizer.token(chance.id), probability: chance.probability })),
    elapsed: milliseconds(request.elapsed()),
    ...stepOf(seen),
  };
  course.introspection += performance.now() - before;
  observed.push(signals);
  made.push(id);
  return step;
}

/** Tokens of a stop string were made, but are no part of the answer. */
function takeBack(course: Course, sent: number): void {
  course.made = course.made.slice(0, sent);
  course.observed = course.observed.slice(0, sent);
}

function sofar({
  observed,
  made,
  introspection,
  timeToFirstToken,
  ...known
}: Course): Omit<RequestEnd, 'outcome'> {
  return {
    inputTokens: known.inputTokens ?? 0,
    outputTokens: made.length,
    truncated: known.truncated ?? false,
    introspection,
    ...(timeToFirstToken === undefined ? {} : { timeToFirstToken }),
    signals: aggregate(observed),
  };
}

/** An encoder takes a text from its beginning; a decoder's prompt matters most at its end. */
function fitted(entry: ModelEntry, ids: readonly number[], options: GenerateOptions): Fitted {
  const { context } = entry.info;
  if (entry.parts.length === 1) return fitPrompt(ids, context, options);
  const { overflow = 'truncate' } = options;
  const encoded = fitPrompt(ids, context, {
    maxNewTokens: 0,
    overflow: overflow === 'slide' ? 'truncate' : overflow,
  });
  const { truncated: _, ...decoded } = fitPrompt([0], context, options);
  return {
    ...decoded,
    ids: encoded.truncated ? ids.slice(0, encoded.ids.length) : ids,
    truncated: encoded.truncated,
  };
}

const workSince = (before: Partial<GpuCounts>, now: GpuCounts | undefined): GpuWork | undefined =>
  now === undefined
    ? undefined
    : {
        synchronisations: now.synchronisations - (before.synchronisations ?? 0),
        dispatches: now.dispatches - (before.dispatches ?? 0),
        bytesRead: now.bytesRead - (before.bytesRead ?? 0),
        bytesWritten: now.bytesWritten - (before.bytesWritten ?? 0),
      };
