import { observeClasses } from '../observe/classes.ts';
import { observeStatistics } from '../observe/token.ts';
import type { ModelInput } from '../protocol/input.ts';
import type { Captured, CaptureRequest, Generated, TextRequest } from '../protocol/inspector.ts';
import type { Classification, GenerateOptions, RequestContext, Step, Token } from '../protocol/request.ts';
import { createCache } from '../run/cache.ts';
import { type CaptureStore, createCaptureStore } from '../run/capture.ts';
import { decode } from '../run/decode.ts';
import { readFloatTensor } from '../run/float.ts';
import { generatorOf } from '../run/generator.ts';
import { forward } from '../run/model.ts';
import { createSampler } from '../run/sample.ts';
import type { Fetches } from '../run/sessions.ts';
import type { RequestRecord } from '../schema/record.ts';
import { SondeError } from '../shared/errors.ts';
import type { Plan } from '../shared/plan.ts';
import { milliseconds, probability } from '../shared/units.ts';
import { aggregate, type Observation } from './aggregate.ts';
import type { ModelEntry } from './entry.ts';
import { type Prepared, prepare, requireTokenizer, type Texts, tokenOf } from './inputs.ts';
import { look, releaseOutputs, resolveIn } from './look.ts';
import { beginRequest, provenanceOf, type Request, type RequestEnd } from './request.ts';
import type { StepSender } from './steps.ts';

/** What a request needs of the worker around it. */
export interface Surroundings {
  /** Consent was granted: inputs may be digested under this install's key. */
  mayKey(): boolean;
  record(record: RequestRecord): void;
  keep(store: CaptureStore): number;
}

const shown = 10;

export async function generate(
  entry: ModelEntry,
  around: Surroundings,
  { text }: TextRequest,
  options: GenerateOptions,
  steps: StepSender,
  signal: AbortSignal,
): Promise<Generated> {
  requireTask(entry, 'text-generation');
  const plan = planFor(entry, options.capture ?? []);
  const request = beginRequest(entry.info.identity, 'generate', text, plan, options, around.mayKey);
  const tokenizer = requireTokenizer(textsOf(entry));
  const store =
    options.capture === undefined ? undefined : createCaptureStore(entry.model.runtime, entry.info.hooks);
  const seen: Observation[] = [];
  let ids: readonly number[] = [];
  let inputTokens = 0;
  let truncated = false;
  let timeToFirstToken: number | undefined;
  let introspection = 0;
  const sofar = (): Omit<RequestEnd, 'outcome'> => {
    const signals = aggregate(seen);
    return {
      inputTokens,
      outputTokens: ids.length - inputTokens,
      truncated,
      introspection,
      ...(timeToFirstToken === undefined ? {} : { timeToFirstToken }),
      ...(signals === undefined ? {} : { signals }),
    };
  };
  try {
    const { context } = entry.info;
    const maxNewTokens = Math.min(options.maxNewTokens ?? 32, (context ?? Number.POSITIVE_INFINITY) - 1);
    const encoded = tokenizer.encode(text, context === undefined ? undefined : context - maxNewTokens, 'end');
    ({ ids, truncated } = encoded);
    inputTokens = ids.length;
    const stop = new Set(entry.folder.config.endOfSequence);
    const generator = generatorOf([{ part: 'model', model: entry.model }]);
    const cache = createCache(entry.model);
    const decoding = decode(generator, ids, cache, {
      plan,
      maxNewTokens,
      stop,
      sampler: createSampler(options),
      ...(store === undefined ? {} : { capture: store }),
    });
    let stopped = false;
    for await (const { id, logit, statistics } of decoding) {
      if (signal.aborted) break;
      timeToFirstToken ??= request.elapsed();
      const before = performance.now();
      const signals = observeStatistics(statistics, logit, shown);
      introspection += performance.now() - before;
      seen.push(signals);
      stopped = stop.has(id);
      const step: Step = {
        index: ids.length - inputTokens,
        token: tokenizer.token(id),
        confidence: signals.confidence,
        logProbability: signals.logProbability,
        entropy: signals.entropy,
        margin: signals.margin,
        topK: signals.topK.map((chance) => ({
          ...tokenizer.token(chance.id),
          probability: chance.probability,
        })),
        elapsed: milliseconds(request.elapsed()),
      };
      ids = [...ids, id];
      await steps.send(step);
      if (signal.aborted) break;
    }
    const record = await finish(around, request, { ...sofar(), outcome: signal.aborted ? 'aborted' : 'ok' });
    const provenance = provenanceOf(record);
    const tokens = tokensOf(entry, ids);
    return {
      end: {
        reason: signal.aborted ? 'aborted' : stopped ? 'stop' : 'length',
        provenance,
        tokens,
        ...(store === undefined
          ? {}
          : { capture: { tokens: forwarded(tokens), hooks: store.hooks(), provenance } }),
      },
      ...(store === undefined ? {} : { capture: around.keep(store) }),
    };
  } catch (error) {
    store?.dispose();
    await finish(around, request, failedEnd(error, sofar()));
    throw error;
  }
}

/** The last token was chosen but never run, so no hook has a row for it. */
const forwarded = (tokens: readonly Token[]): readonly Token[] => tokens.slice(0, -1);

export async function capture(
  entry: ModelEntry,
  around: Surroundings,
  { input }: CaptureRequest,
  patterns: readonly string[],
  context: RequestContext,
): Promise<Captured> {
  const hooks = resolveIn(entry.parts, patterns);
  const plan: Plan = { taps: hooks.flat(), edits: [] };
  return tracked(entry, around, 'capture', input, plan, context, async ({ inputs, ids }, request) => {
    const store = await look(entry, inputs, hooks);
    return {
      end: { introspection: request.elapsed() },
      answer: (provenance) => ({
        capture: around.keep(store),
        info: { tokens: tokensOf(entry, ids), hooks: store.hooks(), provenance },
      }),
    };
  });
}

export async function classify(
  entry: ModelEntry,
  around: Surroundings,
  { text }: TextRequest,
  context: RequestContext,
): Promise<Classification> {
  requireTask(entry, 'text-classification');
  return tracked(entry, around, 'classify', text, planFor(entry, []), context, async ({ inputs, ids }) => {
    const { outputs } = await forward(entry.model, inputs, []);
    const logits = await classLogits(entry, outputs);
    releaseOutputs(entry.model.instrumented.outputs, outputs);
    const signals = observeClasses(logits, entry.info.temperature ?? 1);
    const label = (index: number): string => entry.info.labels?.[index] ?? `LABEL_${index}`;
    const classes = Array.from(signals.probabilities, (chance, index) => ({
      label: label(index),
      probability: probability(chance),
    }));
    const observed = aggregate([signals]);
    return {
      end: observed === undefined ? {} : { signals: observed },
      answer: (provenance) => ({
        label: label(signals.best),
        confidence: signals.confidence,
        entropy: signals.entropy,
        margin: signals.margin,
        classes: classes.sort((a, b) => b.probability - a.probability),
        tokens: tokensOf(entry, ids),
        provenance,
      }),
    };
  });
}

interface Work<T> {
  readonly end: Partial<RequestEnd>;
  readonly answer: (provenance: ReturnType<typeof provenanceOf>) => T;
}

/** One forward over one input, recorded whether it worked or not. */
async function tracked<T>(
  entry: ModelEntry,
  around: Surroundings,
  operation: 'capture' | 'classify',
  input: ModelInput,
  plan: Plan,
  context: RequestContext,
  work: (prepared: Prepared, request: Request) => Promise<Work<T>>,
): Promise<T> {
  const text = typeof input === 'string' ? input : undefined;
  const request = beginRequest(entry.info.identity, operation, text, plan, context, around.mayKey);
  let known = { inputTokens: 0, outputTokens: 0, truncated: false };
  try {
    const prepared = prepare(input, textsOf(entry), entry.info.context);
    known = { inputTokens: prepared.ids.length, outputTokens: 0, truncated: prepared.truncated };
    const { end, answer } = await work(prepared, request);
    return answer(provenanceOf(await finish(around, request, { ...known, ...end, outcome: 'ok' })));
  } catch (error) {
    await finish(around, request, failedEnd(error, known));
    throw error;
  }
}

async function finish(around: Surroundings, request: Request, end: RequestEnd): Promise<RequestRecord> {
  const record = await request.end(end);
  around.record(record);
  return record;
}

const failedEnd = (error: unknown, known: Omit<RequestEnd, 'outcome'>): RequestEnd => ({
  ...known,
  outcome: 'error',
  errorCode: error instanceof SondeError ? error.code : 'run_failed',
});

const planFor = (entry: ModelEntry, patterns: readonly string[]): Plan => ({
  taps: patterns.length === 0 ? [] : entry.model.instrumented.resolve(patterns),
  edits: [],
});

const tokensOf = (entry: ModelEntry, ids: readonly number[]): readonly Token[] =>
  ids.map((id) => tokenOf(entry.tokenizer, id));

const textsOf = ({ tokenizer, info }: ModelEntry): Texts => ({ tokenizer, id: info.id });

/** Logits [1, classes] of a classifier. */
async function classLogits({ info, model }: ModelEntry, outputs: Fetches): Promise<Float32Array> {
  const tensor = outputs[model.instrumented.anatomy.logits ?? ''];
  if (tensor !== undefined) return (await readFloatTensor(model.runtime, tensor)).data;
  throw new SondeError(
    'wrong_task',
    `${info.id} has no class logits.`,
    'Load a model with a classification head.',
  );
}

function requireTask(entry: ModelEntry, task: 'text-generation' | 'text-classification'): void {
  if (entry.info.task === task) return;
  throw new SondeError(
    'wrong_task',
    `${entry.info.id} is a ${entry.info.task} model.`,
    task === 'text-generation'
      ? 'Load a model that generates text, such as GPT-2.'
      : 'Load a model with a classification head.',
  );
}
