import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';
import type { Token } from '../protocol/request.ts';
import { SondeError } from '../shared/errors.ts';
import type { ModelFolder } from './load.ts';

export interface Encoded {
  readonly ids: readonly number[];
  /** True when tokens beyond the context were left out. */
  readonly truncated: boolean;
}

export interface Tokenizer {
  /**
   * @param limit most tokens to keep
   * @param keep which end of a longer text stays; special tokens after the text stay with `start`
   * @throws SondeError `empty_input` | `tokenizer_mismatch`
   */
  encode(text: string, limit: number | undefined, keep: 'start' | 'end'): Encoded;
  token(id: number): Token;
  /**
   * The ids of a whole text.
   * @param hasSpecials false for a text that has its special tokens already, as a chat template writes them
   * @throws SondeError `empty_input` | `tokenizer_mismatch`
   */
  ids(text: string, hasSpecials?: boolean): readonly number[];
  decode(ids: readonly number[]): string;
}

/** @throws SondeError `tokenizer_mismatch` where tokenizer.json is missing or cannot be read */
export function openTokenizer(folder: ModelFolder): Tokenizer {
  if (folder.tokenizer === undefined) {
    throw new SondeError(
      'tokenizer_mismatch',
      `${folder.source.id} has no tokenizer.json.`,
      'Add the tokenizer.json the model was trained with.',
    );
  }
  let tokenizer: HubTokenizer;
  try {
    tokenizer = new HubTokenizer(folder.tokenizer.model, folder.tokenizer.config);
  } catch (cause) {
    throw new SondeError(
      'tokenizer_mismatch',
      'tokenizer.json could not be read.',
      'Use the tokenizer the model was trained with.',
      { cause },
    );
  }
  const vocabulary = folder.config.vocabulary;
  const special = specialTail(tokenizer);
  const idsOf = (text: string, hasSpecials = true): readonly number[] => {
    if (text.trim() === '') {
      throw new SondeError('empty_input', 'There is no text to run on.', 'Type or paste a few words.');
    }
    const { ids } = tokenizer.encode(text, { add_special_tokens: hasSpecials });
    const unknown = ids.find((id) => vocabulary !== undefined && id >= vocabulary);
    if (unknown !== undefined) {
      throw new SondeError(
        'tokenizer_mismatch',
        `The tokenizer gives token ${unknown}, but the model knows only ${vocabulary}.`,
        'Use the tokenizer the model was trained with.',
      );
    }
    return ids;
  };
  const decode = (ids: readonly number[]): string =>
    ids.length === 0
      ? ''
      : tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  // Ten likeliest tokens with each step: most of them were asked for before.
  const texts = new Map<number, string>();
  const textOf = (id: number): string => {
    const known = texts.get(id) ?? decode([id]);
    texts.set(id, known);
    return known;
  };
  return {
    ids: idsOf,
    decode,
    encode(text, limit, keep) {
      const ids = idsOf(text);
      if (limit === undefined || ids.length <= limit) return { ids, truncated: false };
      if (keep === 'end') return { ids: ids.slice(-limit), truncated: true };
      return { ids: [...ids.slice(0, limit - special.length), ...special], truncated: true };
    },
    token: (id) => ({ id, text: textOf(id) }),
  };
}

/** What the tokenizer puts after every text ([SEP]), found by encoding a text of nothing. */
function specialTail(tokenizer: HubTokenizer): readonly number[] {
  const { ids } = tokenizer.encode('');
  return ids.length >= 2 ? ids.slice(Math.ceil(ids.length / 2)) : [];
}
