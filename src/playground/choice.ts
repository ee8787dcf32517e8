import type { ModelInfo, PickedFile } from '../index.ts';
import type { PageModel } from './examples.ts';

/** A model of the visitor's own, as it was chosen. */
export interface OwnSource {
  /** What it is called until it is loaded. */
  readonly name: string;
  readonly source: string | readonly PickedFile[];
}

/** Which model to load, and under which key the page keeps it. */
export interface ModelChoice {
  readonly key: string;
  readonly source: string | readonly PickedFile[];
}

/** An absolute address: `models/name` would be read as a hub id. */
export const shipped = ({ id }: PageModel): ModelChoice => ({
  key: id,
  source: new URL(`models/${id}`, document.baseURI).href,
});

/** How the page can feed a model: with text, with token ids, or only with made-up tensors. */
export type InputMode = 'text' | 'ids' | 'made-up';

/** An encoder-decoder's decoder begins with its start token when nothing else is said. */
export function inputMode({ inputs, hasTokenizer }: Pick<ModelInfo, 'inputs' | 'hasTokenizer'>): InputMode {
  const wanted = inputs.filter(({ name }) => name !== 'decoder_input_ids');
  const isTokens = wanted.length > 0 && wanted.every(({ name }) => name === 'input_ids');
  if (!isTokens) return 'made-up';
  return hasTokenizer ? 'text' : 'ids';
}

/** What the model does with an input on this page, in a few words. */
export function useOf(model: Pick<ModelInfo, 'inputs' | 'hasTokenizer' | 'task' | 'kind'>): string {
  const mode = inputMode(model);
  if (mode === 'text' && model.task === 'text-generation') return 'continues a text';
  if (mode === 'text' && model.task === 'text2text-generation') return 'answers a text';
  if (mode === 'text' && model.task === 'text-classification') return 'judges a sentence';
  if (mode === 'text') return 'reads a text';
  return mode === 'ids' ? 'reads token ids' : 'reads tensors';
}
