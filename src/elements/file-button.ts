import { html, type TemplateResult } from 'lit';

export interface FileButton {
  readonly words: string;
  /** Of the input, for whoever does not see the button. */
  readonly name: string;
  readonly accept: string;
  readonly isDisabled: boolean;
  readonly take: (file: File) => void;
}

/** A button that asks for a file; `panelStyle` hides the input behind it. */
export const fileButton = ({ words, name, accept, isDisabled, take }: FileButton): TemplateResult =>
  html`<button type="button" ?disabled=${isDisabled} @click=${pick}>${words}</button>
    <input type="file" accept=${accept} aria-label=${name} @change=${(event: Event) => chosen(event, take)} />`;

function pick({ currentTarget }: Event): void {
  const input = (currentTarget as HTMLButtonElement).nextElementSibling;
  if (input instanceof HTMLInputElement) input.click();
}

function chosen({ currentTarget }: Event, take: (file: File) => void): void {
  const input = currentTarget as HTMLInputElement;
  const [file] = input.files ?? [];
  if (file !== undefined) take(file);
  // The same file may be chosen again.
  input.value = '';
}
