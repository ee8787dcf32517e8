import { css, html, LitElement, type TemplateResult } from 'lit';
import { theme } from './theme.ts';

/**
 * What a view shows and what it does not mean (slots `what` and `not`). A margin note where there is room,
 * a closed disclosure where there is not.
 */
export class SondeExplain extends LitElement {
  static override properties = { wide: { state: true } };
  static override styles = [
    theme,
    css`
      :host {
        font-size: 0.8125rem;
        color: var(--soft);
        max-inline-size: 62ch;
      }
      summary {
        cursor: pointer;
        color: var(--accent);
        inline-size: fit-content;
        min-block-size: 1.5rem;
      }
      h3 {
        margin: 0.75rem 0 0.125rem;
        font-size: 0.8125rem;
        font-weight: 600;
        color: var(--ink);
      }
      h3:first-child {
        margin-block-start: 0;
      }
    `,
  ];

  declare wide: boolean;
  readonly #query = globalThis.matchMedia?.('(min-width: 75rem)');

  constructor() {
    super();
    this.wide = this.#query?.matches ?? true;
  }

  readonly #changed = (): void => {
    this.wide = this.#query?.matches ?? true;
  };

  override connectedCallback(): void {
    super.connectedCallback();
    this.#query?.addEventListener('change', this.#changed);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#query?.removeEventListener('change', this.#changed);
  }

  override render(): TemplateResult {
    const note = html`<h3>What am I looking at?</h3>
      <slot name="what"></slot>
      <h3>What it does not mean</h3>
      <slot name="not"></slot>`;
    if (this.wide) return note;
    return html`<details>
      <summary>What am I looking at, and what does it not mean?</summary>
      ${note}
    </details>`;
  }
}
