import { css, html, type TemplateResult } from 'lit';

/** Of a part of a plate that has a heading of its own and a row of buttons. */
export const panelStyle = css`
  h3 {
    margin: 1.5rem 0 0.5rem;
    font-size: 0.875rem;
    font-weight: 600;
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    gap: 0.5rem;
    margin-block: 0.75rem;
  }
  button:disabled {
    color: var(--soft);
    cursor: default;
  }
  input[type='file'] {
    display: none;
  }
`;

export interface FileButton {
  readonly words: string;
  /** Of the input, for whoever does not see the button. */
  readonly name: string;
  readonly accept: string;
  readonly isDisabled: boolean;
  readonly take: (file: File) => void;
}

/** A button that asks for a file. */
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
