import type { InputOrigin, RequestContext } from '../index.ts';

/** What a page can tell of how a text came about. */
export type Coming = Pick<RequestContext, 'origin' | 'editsSincePaste'>;

const mostEdits = 1000;

/** Follows how the text of a field came about: paste and drop count until the field is emptied. */
export class OriginTracker {
  #origin: InputOrigin = 'typed';
  #edits = 0;
  readonly #field: HTMLTextAreaElement;

  constructor(field: HTMLTextAreaElement) {
    this.#field = field;
    field.addEventListener('input', (event) => {
      const how = event instanceof InputEvent ? event.inputType : '';
      if (how === 'insertFromPaste' || how === 'insertFromDrop') {
        this.#origin = 'pasted';
        this.#edits = 0;
        return;
      }
      this.#edits++;
      if (this.#origin === 'example' || field.value === '') this.#origin = 'typed';
    });
  }

  get coming(): Coming {
    const origin = this.#origin;
    return origin === 'pasted' ? { origin, editsSincePaste: Math.min(mostEdits, this.#edits) } : { origin };
  }

  useExample(text: string): void {
    this.#field.value = text;
    this.#origin = 'example';
  }
}
