import type { InputOrigin } from '../index.ts';

/** Follows how the text of a field came about: paste and drop count until the field is emptied. */
export class OriginTracker {
  #origin: InputOrigin = 'typed';
  readonly #field: HTMLTextAreaElement;

  constructor(field: HTMLTextAreaElement) {
    this.#field = field;
    field.addEventListener('input', (event) => {
      const how = event instanceof InputEvent ? event.inputType : '';
      if (how === 'insertFromPaste' || how === 'insertFromDrop') this.#origin = 'pasted';
      else if (this.#origin === 'example' || field.value === '') this.#origin = 'typed';
    });
  }

  get origin(): InputOrigin {
    return this.#origin;
  }

  useExample(text: string): void {
    this.#field.value = text;
    this.#origin = 'example';
  }
}
