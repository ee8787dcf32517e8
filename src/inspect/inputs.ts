import type { JsonObject } from '../load/config.ts';
import type { Tokenizer } from '../load/tokenizer.ts';
import type { InputPort, ModelInput } from '../protocol/input.ts';
import type { Token } from '../protocol/request.ts';
import { probeInputs } from '../prove/probe.ts';
import { derivedInputs, idTensor, type ModelInputs } from '../run/feeds.ts';
import type { ModelPart } from '../run/model.ts';
import { SondeError } from '../shared/errors.ts';

/** An input as the graphs take it. */
export interface Prepared {
  readonly inputs: ModelInputs;
  /** Ids of the first row; empty for images and sound. */
  readonly ids: readonly number[];
  readonly truncated: boolean;
}

export type Texts = { readonly tokenizer: Tokenizer | undefined; readonly id: string };

/** @throws SondeError `tokenizer_mismatch` for a model that reads no text */
export function requireTokenizer({ tokenizer, id }: Texts): Tokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new SondeError(
    'tokenizer_mismatch',
    `${id} has no tokenizer.json, so it cannot read a text.`,
    'Give token ids or tensors by name, or add the tokenizer.json the model was trained with.',
  );
}

/**
 * @param context longest input in tokens; a text is cut to it, ids are taken as they are
 * @throws SondeError `tokenizer_mismatch` | `empty_input`
 */
export function prepare(input: ModelInput, texts: Texts, context: number | undefined): Prepared {
  if (typeof input === 'string') {
    const { ids, truncated } = requireTokenizer(texts).encode(input, context, 'start');
    return { inputs: { input_ids: idTensor([ids]) }, ids, truncated };
  }
  const inputs = isIds(input) ? { input_ids: idTensor([input]) } : input;
  const given = inputs.input_ids;
  const ids = given === undefined ? [] : Array.from(given.data.slice(0, given.dims.at(-1)), Number);
  if (Object.keys(inputs).length === 0 || (given !== undefined && ids.length === 0))
    throw new SondeError(
      'empty_input',
      'There is nothing to run on.',
      'Give at least one token, or a tensor.',
    );
  return { inputs, ids, truncated: false };
}

const isIds = (input: ModelInput): input is readonly number[] => Array.isArray(input);

/** Without a tokenizer nobody knows what an id means: it is its own name. */
export const tokenOf = (tokenizer: Tokenizer | undefined, id: number): Token =>
  tokenizer?.token(id) ?? { id, text: `#${id}` };

const fromEncoder = 'encoder_hidden_states';

/** What has to be given: the rest of the graphs' inputs follows from it, or from the graph before. */
export function wantedInputs(parts: readonly ModelPart[]): readonly InputPort[] {
  const hasEncoder = parts.some(({ part }) => part === 'encoder_model');
  const wanted = new Map<string, InputPort>();
  for (const { part, model } of parts) {
    const { anatomy, inputs } = model.instrumented;
    const cached = new Set(anatomy.cache.map(({ past }) => past));
    for (const port of inputs) {
      if (cached.has(port.name) || derivedInputs.has(port.name)) continue;
      if (hasEncoder && port.name === fromEncoder) continue;
      const isDecoder = hasEncoder && part !== 'encoder_model';
      const name = isDecoder && port.name === 'input_ids' ? 'decoder_input_ids' : port.name;
      wanted.set(name, { ...port, name });
    }
  }
  return [...wanted.values()];
}

/** Seeded made-up inputs, one row, for everything that has to be given. */
export function madeUpInputs(parts: readonly ModelPart[], config: JsonObject): ModelInputs {
  const names = new Set(wantedInputs(parts).map(({ name }) => name));
  const made: Record<string, ModelInputs[string]> = {};
  for (const [at, { model }] of parts.entries())
    for (const [name, tensor] of Object.entries(probeInputs(model.instrumented, config, {}, 1))) {
      const given = at > 0 && names.has(`decoder_${name}`) ? `decoder_${name}` : name;
      if (names.has(given)) made[given] = tensor;
    }
  return made;
}
