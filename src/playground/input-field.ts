import type { ModelInfo } from '../index.ts';
import type { InputMode } from './choice.ts';
import { part } from './parts.ts';

/** Asks for what the model reads: a text, token ids, or nothing where only made-up tensors can be had. */
export class InputField {
  readonly #text = part('div', 'text-field');
  readonly #madeUp = part('div', 'made-up');
  readonly #hint = part('p', 'text-hint');

  show(mode: InputMode, info: ModelInfo | undefined): void {
    this.#text.hidden = mode === 'made-up';
    this.#madeUp.hidden = mode !== 'made-up';
    part('label', 'text-label').textContent = mode === 'ids' ? 'Token ids' : 'Text';
    this.#hint.hidden = mode !== 'ids';
    const most = info === undefined || info.vocabulary === 0 ? '' : ` from 0 to ${info.vocabulary - 1}`;
    this.#hint.textContent = `This model came without a tokenizer. Whole numbers${most}, apart by spaces.`;
    if (mode !== 'made-up') return;
    part('ul', 'made-up-inputs').replaceChildren(
      ...(info?.inputs ?? []).map(({ name, type, dims }) => {
        const item = document.createElement('li');
        item.textContent = `${name}: ${type} [${dims.join(', ')}]`;
        return item;
      }),
    );
  }
}
