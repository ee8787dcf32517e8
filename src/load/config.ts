import { SondeError } from '../shared/errors.ts';

/** What of `config.json` (and a card, where one lies beside it) the runtime reads. */
export interface ModelConfig {
  /** The model class, or only its type (`gpt2`) where the config names no class. */
  readonly architecture: string;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly context?: number;
  readonly vocabulary?: number;
  readonly labels?: readonly string[];
  readonly endOfSequence: readonly number[];
  /** Two graphs: an encoder over the input, and a decoder that reads its states. */
  readonly isEncoderDecoder: boolean;
  /** What such a decoder's first token is. */
  readonly decoderStart?: number;
}

export type JsonObject = { readonly [key: string]: unknown };

export function parseObject(bytes: Uint8Array, path: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new SondeError(
      'model_invalid',
      `${path} is not JSON.`,
      'Export the model again, or check the file.',
      { cause },
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SondeError(
      'model_invalid',
      `${path} holds no JSON object.`,
      'Export the model again, or check the file.',
    );
  }
  return value as JsonObject;
}

/** Names differ by family (`n_head`, `num_attention_heads`); the first that is a number counts. */
export function parseConfig(config: JsonObject, generation: JsonObject): ModelConfig {
  const architecture = stringIn(config.architectures) ?? stringOf(config.model_type) ?? 'unknown';
  const text = isObject(config.text_config) ? config.text_config : config;
  return withoutUndefined({
    architecture,
    heads: numberOf(text.num_attention_heads ?? text.n_head ?? text.n_heads ?? text.num_heads),
    kvHeads: numberOf(text.num_key_value_heads),
    context: numberOf(text.max_position_embeddings ?? text.n_positions ?? text.n_ctx),
    vocabulary: numberOf(text.vocab_size),
    labels: labelsOf(config.id2label),
    endOfSequence: idsOf(generation.eos_token_id ?? config.eos_token_id),
    isEncoderDecoder: config.is_encoder_decoder === true,
    decoderStart: numberOf(
      generation.decoder_start_token_id ?? config.decoder_start_token_id ?? generation.bos_token_id,
    ),
  });
}

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null;
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const stringOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const stringIn = (value: unknown): string | undefined =>
  Array.isArray(value) ? stringOf(value[0]) : undefined;

function idsOf(value: unknown): readonly number[] {
  return (Array.isArray(value) ? value : [value]).filter((id): id is number => typeof id === 'number');
}

function labelsOf(value: unknown): readonly string[] | undefined {
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value).sort(([a], [b]) => Number(a) - Number(b));
  return entries.map(([, label]) => String(label));
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** `exactOptionalPropertyTypes`: an absent fact is an absent key. */
function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Defined<T>;
}
