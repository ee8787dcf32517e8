import type { AttentionMaps } from '../elements/maps.ts';
import {
  type Capture,
  type LoadProgress,
  type Model,
  type ModelInfo,
  type SavedRequest,
  SondeError,
  type Step,
  saveClassification,
  saveGeneration,
  type Token,
} from '../index.ts';
import type { ModelChoice } from './choice.ts';
import { GrowingMaps } from './growing-maps.ts';
import type { Coming } from './origin.ts';
import type { Insides, Reading, ReadingModel } from './reading.ts';
import type { Session } from './session.ts';
import { hooksToDraw, type Stack, stacksOf } from './stack.ts';
import { summarise } from './summarise.ts';

/** What the model is run over; nothing: it is only loaded. */
export type RunInput =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'text' | 'ids'; readonly text: string }
  | { readonly kind: 'made-up' };

export interface RunRequest {
  readonly model: ModelChoice;
  readonly input: RunInput;
  /** Which stack to draw, by its name; undefined: the first. */
  readonly stack?: string;
  readonly coming: Coming;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly seed: number;
}

/** A run as it goes on. `reading` is the last and brings all that was seen inside; steps bring attention so far. */
export type RunUpdate =
  | { readonly kind: 'loading'; readonly progress: LoadProgress }
  | { readonly kind: 'loaded'; readonly model: Model }
  | { readonly kind: 'running'; readonly model: Model }
  | { readonly kind: 'step'; readonly steps: readonly Step[]; readonly maps?: AttentionMaps }
  | { readonly kind: 'summarising' }
  | {
      readonly kind: 'reading';
      readonly reading: Reading;
      readonly stopped: boolean;
      /** Absent where no request was made that could be made again. */
      readonly saved?: SavedRequest;
    };

/** A run that gives way to another stops itself, but not the loading of a model that the other needs too. */
export interface StopSignals {
  readonly load: AbortSignal;
  readonly run: AbortSignal;
}

export type Show = (update: RunUpdate) => void;

/** Loads the model if need be, runs it and looks inside; tells `show` how it goes. Rejects with a SondeError. */
export async function run(
  session: Session,
  request: RunRequest,
  stop: StopSignals,
  show: Show,
): Promise<void> {
  const onProgress = (progress: LoadProgress): void => show({ kind: 'loading', progress });
  const model = await session.model(request.model, onProgress, stop.load);
  const signal = stop.run;
  if (signal.aborted) throw new SondeError('aborted', 'The run was stopped.', 'Run it again.');
  show({ kind: 'loaded', model });
  const { input } = request;
  if (input.kind === 'nothing') return;
  const stack = stackOf(model, request.stack);
  show({ kind: 'running', model });
  if (input.kind === 'text' && model.task === 'text-classification')
    await classify(model, stack, { ...request, text: input.text }, signal, show);
  else if (input.kind === 'text' && model.task.endsWith('-generation'))
    await generate(model, stack, { ...request, text: input.text }, signal, show);
  else await look(model, stack, request, signal, show);
}

interface TextRequest extends RunRequest {
  readonly text: string;
}

/** @throws SondeError `hook_unavailable` for a model without attention: there is nothing this page could draw */
function stackOf({ hooks, id }: ModelInfo, wanted: string | undefined): Stack {
  const stacks = stacksOf(hooks);
  const stack = stacks.find(({ name }) => name === wanted) ?? stacks[0];
  if (stack !== undefined) return stack;
  throw new SondeError(
    'hook_unavailable',
    `No attention was found in ${id}, so this page has nothing to draw of a run.`,
    'Its raw graph is shown below; in code, any tensor of it can be captured as raw:name.',
  );
}

/** Whole numbers apart by spaces or commas. @throws SondeError `invalid_argument` */
function idsOf(text: string, vocabulary: number): readonly number[] {
  const ids = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(Number);
  const most = vocabulary > 0 ? vocabulary : Number.POSITIVE_INFINITY;
  if (ids.every((id) => Number.isInteger(id) && id >= 0 && id < most)) return ids;
  throw new SondeError(
    'invalid_argument',
    'A token id is a whole number that the model knows.',
    vocabulary > 0
      ? `Give numbers from 0 to ${vocabulary - 1}, apart by spaces.`
      : 'Give whole numbers, apart by spaces.',
  );
}

/** One forward, for models that neither write nor judge a text here. */
async function look(
  model: Model,
  stack: Stack,
  request: RunRequest,
  signal: AbortSignal,
  show: Show,
): Promise<void> {
  const { input, coming } = request;
  const text = 'text' in input ? input.text : '';
  const given =
    input.kind === 'text'
      ? text
      : input.kind === 'ids'
        ? idsOf(text, model.vocabulary)
        : await model.madeUpInputs();
  const captured = await model.capture(given, hooksToDraw(model.hooks, stack), { ...coming, signal });
  show({ kind: 'summarising' });
  const insides = await insidesOf(model, stack, captured, captured.tokens);
  const reading: Reading = {
    source: { kind: 'live', ...(input.kind === 'made-up' ? { madeUp: true } : {}) },
    model: readingModel(model),
    text,
    given: captured.tokens,
    steps: [],
    insides,
    provenance: captured.provenance,
  };
  show({ kind: 'reading', reading, stopped: false });
}

async function generate(
  model: Model,
  stack: Stack,
  request: TextRequest,
  signal: AbortSignal,
  show: Show,
): Promise<void> {
  const { text, coming, maxNewTokens, temperature, seed } = request;
  const capture = hooksToDraw(model.hooks, stack);
  const options = { ...coming, maxNewTokens, temperature, seed, capture };
  const generation = model.generate(text, options);
  const steps: Step[] = [];
  const growing = new GrowingMaps(model.hooks, stack);
  for await (const { attention = [], ...step } of generation) {
    steps.push(step);
    const maps = growing.add(attention, performance.now());
    show({ kind: 'step', steps: [...steps], ...(maps === undefined ? {} : { maps }) });
    // Leaving the loop stops the model and still gives what was captured; the signal would throw that away.
    if (signal.aborted) break;
  }
  const end = await generation.end;
  show({ kind: 'summarising' });
  const captured = await generation.capture;
  const given = end.tokens.slice(0, end.tokens.length - steps.length);
  const insides = await insidesOf(model, stack, captured, given);
  const reading: Reading = {
    source: { kind: 'live' },
    model: readingModel(model),
    text,
    given,
    steps,
    insides,
    provenance: end.provenance,
  };
  const saved = saveGeneration(text, options, steps, end);
  show({ kind: 'reading', reading, stopped: end.reason === 'aborted', saved });
}

async function classify(
  model: Model,
  stack: Stack,
  request: TextRequest,
  signal: AbortSignal,
  show: Show,
): Promise<void> {
  const { text, coming } = request;
  const classified = await model.classify(text, { ...coming, signal });
  const { provenance, tokens, ...answer } = classified;
  const captured = await model.capture(text, hooksToDraw(model.hooks, stack), { ...coming, signal });
  show({ kind: 'summarising' });
  const insides = await insidesOf(model, stack, captured, captured.tokens);
  const reading: Reading = {
    source: { kind: 'live' },
    model: readingModel(model),
    text,
    given: tokens,
    steps: [],
    answer,
    insides,
    provenance,
  };
  show({ kind: 'reading', reading, stopped: false, saved: saveClassification(text, classified) });
}

/**
 * Reads a capture back and frees it. An encoder's positions are those of the input; the decoder of a pair begins with
 * a token of its own, so its positions are not those of the sequence.
 */
async function insidesOf(
  model: Model,
  stack: Stack,
  captured: Capture,
  given: readonly Token[],
): Promise<Insides> {
  const { encoderTokens } = captured;
  const tokens = stack.prefix === 'encoder.' ? (encoderTokens ?? captured.tokens) : captured.tokens;
  const insides = await summarise(captured, stack, model.hooks, tokens);
  await captured.dispose();
  return encoderTokens === undefined
    ? insides
    : {
        ...insides,
        tokens,
        offset: stack.prefix === 'encoder.' ? 0 : given.length - 1,
        ...(stack.attention === 'cross_attn' ? { keys: encoderTokens } : {}),
      };
}

/** The facts of a model that a reading keeps: the model itself has methods and cannot be saved. */
function readingModel(model: ModelInfo): ReadingModel {
  const { id, task, architecture, layers, heads, vocabulary, temperature, device, files } = model;
  return {
    id,
    task,
    architecture,
    layers,
    heads,
    vocabulary,
    device,
    files,
    ...(temperature === undefined ? {} : { temperature }),
  };
}
