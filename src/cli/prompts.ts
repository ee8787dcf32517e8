import { readFile } from 'node:fs/promises';
import { prepare } from '../inspect/inputs.ts';
import { type JsonObject, parseObject } from '../load/config.ts';
import type { ModelFolder } from '../load/load.ts';
import { openTokenizer } from '../load/tokenizer.ts';
import type { ModelInput, NamedInputs } from '../protocol/input.ts';
import { idTensor } from '../run/feeds.ts';
import { SondeError } from '../shared/errors.ts';
import { readSafetensors } from '../shared/safetensors.ts';

/** What is asked to be run over, as it was written on the command line or on a line of a file. */
export interface Prompt {
  /** Name of its file in a batch. */
  readonly id?: string;
  readonly input: ModelInput;
  readonly decoderTokens?: readonly number[];
}

/** What runs. */
export interface Ready {
  readonly inputs: NamedInputs;
  /** Ids of the first row; empty for images and sound. */
  readonly tokens: readonly number[];
  readonly truncated: boolean;
}

/** Turns prompts into tensors: the tokenizer is read once, and only if there is a text. */
export function preparer(folder: ModelFolder): (prompt: Prompt) => Ready {
  const texts = {
    id: folder.source.id,
    tokenizer: folder.tokenizer === undefined ? undefined : openTokenizer(folder),
  };
  const { context, vocabulary } = folder.config;
  const known = (tokens: readonly number[]): void => {
    const id = tokens.find((token) => vocabulary !== undefined && token >= vocabulary);
    if (id !== undefined)
      throw wrong(`token ${id} is none of this model's ${vocabulary}`, 'Ids begin with 0.');
  };
  return ({ input, decoderTokens }) => {
    const { inputs, ids, truncated } = prepare(input, texts, context);
    for (const tokens of [ids, decoderTokens ?? []]) known(tokens);
    const decoder = decoderTokens === undefined ? {} : { decoder_input_ids: idTensor([decoderTokens]) };
    return { inputs: { ...inputs, ...decoder }, tokens: ids, truncated };
  };
}

const wrong = (what: string, remedy: string): SondeError =>
  new SondeError('invalid_argument', `${what[0]?.toUpperCase()}${what.slice(1)}.`, remedy);

/** `1,2,3` @throws SondeError `invalid_argument` */
export function tokensOf(option: string, list: string): readonly number[] {
  const tokens = list.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (!isTokens(tokens))
    throw wrong(`${option} ${list} is no list of token ids`, `For example: ${option} 12,7,301`);
  return tokens;
}

const isTokens = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((id) => Number.isSafeInteger(id) && id >= 0);

/** Tensors by input name. @throws SondeError `file_not_found` | `model_invalid` */
export async function tensorsIn(file: string): Promise<NamedInputs> {
  return Object.fromEntries(readSafetensors(new Uint8Array(await read(file))).tensors);
}

/**
 * One JSON object a line: `{"id"?, "text" | "tokens", "decoder_tokens"?}`.
 * @throws SondeError `file_not_found` | `model_invalid` | `invalid_argument`, naming the line
 */
export async function promptsIn(file: string): Promise<readonly Prompt[]> {
  const lines = (await read(file)).toString('utf8').split('\n');
  const prompts = lines.flatMap((line, at) =>
    line.trim() === '' ? [] : [promptOf(parseObject(Buffer.from(line), `${file}:${at + 1}`), at + 1, file)],
  );
  if (prompts.length === 0) throw wrong(`${file} holds no prompt`, remedy);
  const ids = prompts.map(({ id }) => id);
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) throw wrong(`${file} has the id "${twice}" twice`, 'Ids become file names.');
  return prompts;
}

const remedy = 'A line is {"text": "…"} or {"tokens": [1, 2]}, with "id" and "decoder_tokens" if wanted.';

function promptOf({ id, text, tokens, decoder_tokens }: JsonObject, line: number, file: string): Prompt {
  const name = id === undefined ? String(line) : id;
  if (typeof name !== 'string' || !/^\w[\w.-]*$/.test(name))
    throw wrong(`${file}:${line} has an id that is no file name`, 'Use letters, digits, ".", "_" and "-".');
  const input = typeof text === 'string' ? text : tokens;
  const isOne = (text === undefined) !== (tokens === undefined);
  if (!isOne || (typeof input !== 'string' && !isTokens(input)))
    throw wrong(`${file}:${line} has no text and no tokens, or both`, remedy);
  if (decoder_tokens === undefined) return { id: name, input };
  if (!isTokens(decoder_tokens)) throw wrong(`${file}:${line} has "decoder_tokens" that are no ids`, remedy);
  return { id: name, input, decoderTokens: decoder_tokens };
}

async function read(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    throw new SondeError('file_not_found', `${file} cannot be read.`, 'Check the name of the file.', {
      cause,
    });
  });
}
