import { type JsonObject, parseObject } from '../load/config.ts';
import { SondeError } from '../shared/errors.ts';
import { readSafetensors } from '../shared/safetensors.ts';
import type { Tensor } from '../shared/tensor.ts';

/** One batch that the reference implementation ran, with every activation it gave. */
export interface GoldenCase {
  /** `single` or `padded`. */
  readonly name: string;
  /** By the model's input names, e.g. input_ids [b, p]. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** The text that the ids of the first row came from; models of images have none. */
  readonly text?: string;
  /** By hook name, without the case's prefix. */
  readonly activations: ReadonlyMap<string, Tensor>;
}

/** Reference activations of one model folder. */
export interface Goldens {
  readonly cases: readonly GoldenCase[];
  /** Greedy tokens after the `single` input, and the logits [steps, vocabulary] of the first or all of them. */
  readonly generated?: { readonly tokens: readonly number[]; readonly logits: Tensor };
  /** Named in golden.json, but in no tensor of golden.safetensors. */
  readonly missing: readonly string[];
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isRows = (value: unknown): value is number[][] =>
  Array.isArray(value) && value.every((row) => Array.isArray(row) && row.every(Number.isSafeInteger));

function inputsOf(
  name: string,
  described: JsonObject,
  tensors: ReadonlyMap<string, Tensor>,
): Record<string, Tensor> {
  const inputs: Record<string, Tensor> = {};
  for (const [input, value] of Object.entries(described)) {
    // Images and sound are too long for JSON, so their values are among the tensors.
    const tensor = tensors.get(`${name}.${input}`) ?? tensors.get(input);
    if (tensor !== undefined) inputs[input] = tensor;
    else if (isRows(value)) {
      const data = BigInt64Array.from(value.flat(), BigInt);
      inputs[input] = { type: 'int64', dims: [value.length, value[0]?.length ?? 0], data };
    }
  }
  return inputs;
}

function caseOf(name: string, described: JsonObject, tensors: ReadonlyMap<string, Tensor>): GoldenCase {
  const inputs = inputsOf(name, described, tensors);
  const prefix = name === 'single' ? '' : `${name}.`;
  const others = ['padded.', 'generate.'].filter((other) => other !== prefix);
  const activations = new Map(
    [...tensors]
      .filter(([tensor]) => tensor.startsWith(prefix) && !others.some((other) => tensor.startsWith(other)))
      .map(([tensor, value]) => [tensor.slice(prefix.length), value] as const)
      .filter(([hook]) => !(hook in inputs)),
  );
  const text = Array.isArray(described.text) ? described.text[0] : described.text;
  return { name, inputs, activations, ...(typeof text === 'string' ? { text } : {}) };
}

/**
 * Goldens as `zoo-src` and `training` write them: golden.json and golden.safetensors.
 * @param folder named in errors
 * @throws SondeError `model_invalid` when one cannot be read
 */
export function goldensOf(
  folder: string,
  json: Uint8Array<ArrayBuffer>,
  safetensors: Uint8Array<ArrayBuffer>,
): Goldens {
  return goldensFrom(
    readSafetensors(safetensors).tensors,
    parseObject(json, `${folder}/golden.json`),
    folder,
  );
}

/**
 * Goldens of a quantised file as test/zoo/quantised.py writes them: one file, described in its metadata.
 * @param file named in errors
 * @throws SondeError `model_invalid` when it cannot be read
 */
export function quantisedGoldensOf(file: string, safetensors: Uint8Array<ArrayBuffer>): Goldens {
  const { tensors, metadata } = readSafetensors(safetensors);
  return goldensFrom(tensors, parseObject(new TextEncoder().encode(metadata.golden ?? ''), file), file);
}

function goldensFrom(tensors: ReadonlyMap<string, Tensor>, described: JsonObject, from: string): Goldens {
  if (!isObject(described.inputs))
    throw new SondeError('model_invalid', `${from} describes no inputs.`, 'Make the goldens again.');
  const cases = Object.entries(described.inputs).flatMap(([name, value]) =>
    isObject(value) ? [caseOf(name, value, tensors)] : [],
  );
  const logits = tensors.get('generate.logits');
  const tokens = isObject(described.generate) ? described.generate.tokens : undefined;
  const named = isObject(described.tensors) ? Object.keys(described.tensors) : [];
  return {
    cases,
    missing: named.filter((name) => !tensors.has(name)),
    ...(logits !== undefined && Array.isArray(tokens) ? { generated: { tokens, logits } } : {}),
  };
}
