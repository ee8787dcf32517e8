import { unknownHook } from '../instrument/resolve.ts';
import type { ModelConfig } from '../load/config.ts';
import { type CaptureStore, createCaptureStore } from '../run/capture.ts';
import { decoderInputs, idTensor, type ModelInputs } from '../run/feeds.ts';
import { readFloatTensor } from '../run/float.ts';
import { forward, type ModelPart } from '../run/model.ts';
import type { Fetches } from '../run/sessions.ts';
import { SondeError } from '../shared/errors.ts';
import type { Hook } from '../shared/hook.ts';
import type { FloatTensor } from '../shared/tensor.ts';

/** What of a model a look needs. */
export interface Lookable {
  readonly parts: readonly ModelPart[];
  readonly folder: { readonly config: Pick<ModelConfig, 'decoderStart'> };
  readonly info: { readonly hooks: readonly Hook[] };
}

/**
 * The exact hooks that patterns stand for, graph by graph. A pattern has to match in one of them.
 * @throws SondeError `hook_unknown` | `hook_unavailable`
 */
export function resolveIn(
  parts: readonly ModelPart[],
  patterns: readonly string[],
): readonly (readonly string[])[] {
  const found = parts.map((): string[] => []);
  for (const pattern of patterns) {
    const refusals: SondeError[] = [];
    for (const [at, { model }] of parts.entries()) {
      try {
        found[at]?.push(...model.instrumented.resolve([pattern]));
      } catch (error) {
        if (!(error instanceof SondeError)) throw error;
        refusals.push(error);
      }
    }
    const [refusal] = refusals;
    if (refusals.length < parts.length || refusal === undefined) continue;
    const why = refusals.find(({ code }) => code === 'hook_unavailable');
    if (why !== undefined || parts.length === 1 || pattern.startsWith('raw:')) throw why ?? refusal;
    throw unknownHook(
      pattern,
      parts.flatMap(({ model }) => model.instrumented.hooks.map(({ name }) => name)),
    );
  }
  return found.map((names) => [...new Set(names)]);
}

/**
 * Runs every graph that is looked into, and those whose states it reads; one capture holds what all taps gave.
 * @param hooks as `resolveIn` gives them
 */
export async function look(
  { parts, info, folder }: Lookable,
  given: ModelInputs,
  hooks: readonly (readonly string[])[],
): Promise<CaptureStore> {
  const [first] = parts;
  if (first === undefined) throw new RangeError('A model has at least one graph.');
  const store = createCaptureStore(first.model.runtime, info.hooks);
  const last = hooks.findLastIndex((names) => names.length > 0);
  let inputs = given;
  try {
    for (const [at, { part, model }] of parts.entries()) {
      if (at > last) break;
      const isFedOn = part === 'encoder_model' && at < last;
      const isLookedInto = (hooks[at]?.length ?? 0) > 0;
      if (!isFedOn && !isLookedInto) continue;
      const { outputs } = await forward(model, inputs, hooks[at] ?? [], store);
      const states = outputs.last_hidden_state;
      if (isFedOn && states !== undefined) {
        // A tap may be this very tensor: reading it leaves it on the CPU, where the capture finds it.
        const read: FloatTensor = await readFloatTensor(model.runtime, states);
        inputs = { input_ids: idTensor([[folder.config.decoderStart ?? 0]]), ...decoderInputs(given, read) };
      }
      releaseOutputs(model.instrumented.outputs, outputs, store);
    }
    return store;
  } catch (error) {
    store.dispose();
    throw error;
  }
}

/** The model's own outputs (logits, caches) of a forward that was made for its taps. */
export function releaseOutputs(
  own: readonly { readonly name: string }[],
  outputs: Fetches,
  store?: CaptureStore,
): void {
  for (const { name } of own) {
    const tensor = outputs[name];
    if (tensor !== undefined && !store?.holds(tensor)) tensor.dispose();
  }
}
