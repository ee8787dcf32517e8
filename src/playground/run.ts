import {
  type InputOrigin,
  type LoadProgress,
  type Model,
  type ModelInfo,
  SondeError,
  type Step,
} from '../index.ts';
import type { Reading, ReadingModel } from './reading.ts';
import type { Session } from './session.ts';
import { hooksToDraw, summarise } from './summarise.ts';

export interface RunRequest {
  readonly model: string;
  readonly text: string;
  readonly origin: InputOrigin;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly seed: number;
}

/** A run as it goes on. `reading` is the last, and the only one that brings what was seen inside. */
export type RunUpdate =
  | { readonly kind: 'loading'; readonly progress: LoadProgress }
  | { readonly kind: 'running'; readonly model: ModelInfo }
  | { readonly kind: 'step'; readonly steps: readonly Step[] }
  | { readonly kind: 'summarising' }
  | { readonly kind: 'reading'; readonly reading: Reading; readonly stopped: boolean };

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
  show({ kind: 'running', model });
  if (model.task === 'text-classification') await classify(model, request, signal, show);
  else await generate(model, request, signal, show);
}

async function generate(model: Model, request: RunRequest, signal: AbortSignal, show: Show): Promise<void> {
  const { text, origin, maxNewTokens, temperature, seed } = request;
  const capture = hooksToDraw(model.hooks);
  const generation = model.generate(text, { origin, maxNewTokens, temperature, seed, capture });
  const steps: Step[] = [];
  for await (const step of generation) {
    steps.push(step);
    show({ kind: 'step', steps: [...steps] });
    // Leaving the loop stops the model and still gives what was captured; the signal would throw that away.
    if (signal.aborted) break;
  }
  const end = await generation.end;
  show({ kind: 'summarising' });
  const captured = await generation.capture;
  const insides = await summarise(captured, model.layers, model.hooks, captured.tokens);
  await captured.dispose();
  const given = end.tokens.slice(0, end.tokens.length - steps.length);
  const reading: Reading = {
    source: { kind: 'live' },
    model: readingModel(model),
    text,
    given,
    steps,
    insides,
    provenance: end.provenance,
  };
  show({ kind: 'reading', reading, stopped: end.reason === 'aborted' });
}

async function classify(model: Model, request: RunRequest, signal: AbortSignal, show: Show): Promise<void> {
  const { text, origin } = request;
  const { provenance, tokens, ...answer } = await model.classify(text, { origin, signal });
  const captured = await model.capture(text, hooksToDraw(model.hooks), { origin, signal });
  show({ kind: 'summarising' });
  const insides = await summarise(captured, model.layers, model.hooks, captured.tokens);
  await captured.dispose();
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
  show({ kind: 'reading', reading, stopped: false });
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
