import { applyCalibration } from '../observe/calibration/calibrate.ts';
import { observeClasses } from '../observe/classes.ts';
import { sketchOf } from '../observe/drift/sketch.ts';
import type { Captured, CaptureRequest, TextRequest } from '../protocol/calls.ts';
import type { ModelInput } from '../protocol/input.ts';
import type { Classification, Provenance, Recovery, RequestContext, Token } from '../protocol/request.ts';
import type { Consent } from '../protocol/telemetry.ts';
import type { CaptureStore } from '../run/capture.ts';
import type { ModelInputs } from '../run/feeds.ts';
import { readFloatTensor } from '../run/float.ts';
import { forward } from '../run/model.ts';
import type { FullRecord } from '../schema/record.ts';
import { SondeError } from '../shared/errors.ts';
import { emptyPlan, type Plan } from '../shared/plan.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { probability } from '../shared/units.ts';
import { aggregate } from './aggregate.ts';
import { type Prepared, prepare, type Texts, tokenOf } from './inputs.ts';
import { look, releaseOutputs, resolveIn } from './look.ts';
import type { ModelEntry } from './model-entry.ts';
import {
  beginRequest,
  type DigestTexts,
  provenanceOf,
  type Request,
  type RequestEnd,
  type Words,
} from './request.ts';

/** What a request needs of the worker around it. */
export interface Surroundings {
  readonly digest: DigestTexts;
  /** As it stands now; absent without telemetry. */
  readonly consent: Consent | undefined;
  record(record: FullRecord, words: Words): void;
  keep(store: CaptureStore): number;
  /** What this request met and got over; whoever gets over something adds to it. */
  readonly recoveries: Recovery[];
}

export async function capture(
  entry: ModelEntry,
  around: Surroundings,
  { input }: CaptureRequest,
  patterns: readonly string[],
  context: RequestContext,
): Promise<Captured> {
  const hooks = resolveIn(entry.parts, patterns);
  const plan: Plan = { ...emptyPlan, taps: hooks.flat() };
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
  requireClassifier(entry);
  // A baseline made of another file may name a hook that this one lacks: embeddings are not judged then.
  const taps = entry.info.hooks
    .filter(({ name, source }) => name === entry.drift?.embedding && source.kind !== 'unavailable')
    .map(({ name }) => name);
  const plan: Plan = { ...emptyPlan, taps };
  return tracked(entry, around, 'classify', text, plan, context, async ({ inputs, ids }) => {
    const { logits, tapped } = await classLogits(entry, inputs, taps);
    const signals = observeClasses(logits, entry.info.temperature ?? 1);
    const label = (index: number): string => entry.info.labels?.[index] ?? `LABEL_${index}`;
    const classes = Array.from(signals.probabilities, (chance, index) => ({
      label: label(index),
      probability: probability(chance),
    }));
    return {
      end: {
        signals: aggregate([signals]),
        ...(tapped[0] === undefined ? {} : { embedding: sketchOf(tapped[0]) }),
      },
      answer: (provenance) => ({
        label: label(signals.best),
        confidence: signals.confidence,
        entropy: signals.entropy,
        margin: signals.margin,
        ...calibratedBy(entry, logits, label),
        classes: classes.sort((a, b) => b.probability - a.probability),
        tokens: tokensOf(entry, ids),
        provenance,
      }),
    };
  });
}

/** What the kept calibration says, beside what the model says. */
function calibratedBy(
  { calibration: { current }, info }: ModelEntry,
  logits: Float32Array,
  label: (index: number) => string,
): Pick<Classification, 'calibrated'> {
  if (current === undefined) return {};
  const { confidence, lower, upper, set } = applyCalibration(current, info.identity.modelDigest, logits);
  const { n, conformal } = current;
  return { calibrated: { confidence, lower, upper, set: set.map(label), coverage: conformal.coverage, n } };
}

interface Work<T> {
  readonly end: Partial<RequestEnd>;
  readonly answer: (provenance: Provenance) => T;
}

/** One forward over one input, recorded whether it worked or not. */
export async function tracked<T>(
  entry: ModelEntry,
  around: Surroundings,
  operation: 'capture' | 'classify',
  input: ModelInput,
  plan: Plan,
  context: RequestContext,
  work: (prepared: Prepared, request: Request) => Promise<Work<T>>,
): Promise<T> {
  const text = typeof input === 'string' ? input : undefined;
  const request = beginRequest(entry.info.identity, operation, text, plan, context, around.digest);
  let known = { inputTokens: 0, outputTokens: 0, truncated: false };
  try {
    const prepared = prepare(input, textsOf(entry), entry.info.context);
    known = { inputTokens: prepared.ids.length, outputTokens: 0, truncated: prepared.truncated };
    const { end, answer } = await work(prepared, request);
    return answer(await finish(entry, around, request, { ...known, ...end, outcome: 'ok' }));
  } catch (error) {
    await finish(entry, around, request, failedEnd(error, known));
    throw error;
  }
}

/** Where a drift alarm stands and the application says nothing else, the record is marked for the sampler. */
export async function finish(
  entry: ModelEntry,
  around: Surroundings,
  request: Request,
  end: RequestEnd,
): Promise<Provenance> {
  const ended = await request.end(end);
  const isSuspicious =
    entry.drift?.see(ended.record, { embedding: end.embedding, features: ended.features }) === true;
  around.record(isSuspicious ? { suspicious: true, ...ended.record } : ended.record, ended.words);
  return provenanceOf(ended, around.recoveries, around.consent);
}

export const failedEnd = (error: unknown, known: Omit<RequestEnd, 'outcome'>): RequestEnd => ({
  ...known,
  outcome: 'error',
  errorCode: error instanceof SondeError ? error.code : 'run_failed',
});

export const tokensOf = (entry: ModelEntry, ids: readonly number[]): readonly Token[] =>
  ids.map((id) => tokenOf(entry.tokenizer, id));

export const textsOf = ({ tokenizer, info }: ModelEntry): Texts => ({ tokenizer, id: info.id });

/** One forward of a classifier: its logits [1, classes], and the values of these hooks. */
export async function classLogits(
  { info, model }: ModelEntry,
  inputs: ModelInputs,
  taps: readonly string[] = [],
): Promise<{ readonly logits: Float32Array; readonly tapped: readonly FloatTensor[] }> {
  const { outputs, capture } = await forward(model, inputs, taps);
  try {
    const tensor = outputs[model.instrumented.anatomy.logits ?? ''];
    if (tensor !== undefined) {
      const { data } = await readFloatTensor(model.runtime, tensor);
      const tapped: FloatTensor[] = [];
      for (const hook of taps) tapped.push(await capture.read(hook));
      return { logits: data, tapped };
    }
  } finally {
    releaseOutputs(model.instrumented.outputs, outputs, capture);
    capture.dispose();
  }
  throw new SondeError(
    'wrong_task',
    `${info.id} has no class logits.`,
    'Load a model with a classification head.',
  );
}

export function requireClassifier({ info }: ModelEntry): void {
  if (info.task === 'text-classification') return;
  throw new SondeError(
    'wrong_task',
    `${info.id} is a ${info.task} model.`,
    'Load a model with a classification head.',
  );
}
