import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { theme } from './theme.ts';

/** One thing the reader has to know: what happened, and what to do about it. */
export interface Notice {
  readonly tone: 'note' | 'fault';
  readonly title: string;
  readonly text: string;
  /** The error's code, so that it can be looked up. */
  readonly code?: string;
}

export class SondeNotice extends LitElement {
  static override properties = { notice: { attribute: false } };
  static override styles = [
    theme,
    css`
      div {
        border-inline-start: 3px solid var(--accent);
        padding: 0.5rem 0.875rem;
        margin-block: 1rem 0.5rem;
        background: var(--surface);
      }
      div.fault {
        border-color: var(--fault);
      }
      strong {
        font-weight: 600;
      }
      .fault strong {
        color: var(--fault);
      }
      .code {
        font-family: var(--mono);
        font-size: 0.75rem;
        color: var(--soft);
      }
    `,
  ];

  declare notice: Notice | undefined;

  override render(): TemplateResult {
    const { notice } = this;
    if (notice === undefined) return html`${nothing}`;
    return html`<div class=${notice.tone} role=${notice.tone === 'fault' ? 'alert' : 'status'}>
      <strong>${notice.title}</strong>
      <p>${notice.text} ${notice.code ? html`<span class="code">${notice.code}</span>` : nothing}</p>
    </div>`;
  }
}
