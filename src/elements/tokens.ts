import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { Step, Token } from '../protocol/request.ts';
import { emit } from './events.ts';
import { natsText, probabilityText } from './format.ts';
import { theme } from './theme.ts';
import { visibleText } from './token-text.ts';
import { vars } from './vars.ts';

/**
 * A sequence as the model read and wrote it. A generated token carries a bar as long as its confidence
 * and a tint that grows with doubt; a given token carries neither, because nothing predicted it.
 * Arrow keys walk; every choice is told as `sonde-position`.
 */
export class SondeTokens extends LitElement {
  static override properties = {
    given: { attribute: false },
    steps: { attribute: false },
    pendingText: { attribute: false },
    position: { type: Number },
    busy: { type: Boolean },
    spaced: { type: Boolean, reflect: true },
  };
  static override styles = [
    theme,
    css`
      .text {
        font-size: 1.0625rem;
        line-height: 2;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        max-inline-size: 68ch;
      }
      .token {
        cursor: pointer;
        padding-block: 0.1875rem 0.25rem;
        border-radius: 1px;
        box-decoration-break: clone;
        -webkit-box-decoration-break: clone;
      }
      .token + .token {
        border-inline-start: 1px solid color-mix(in oklab, var(--ink) 9%, transparent);
      }
      :host([spaced]) .token {
        /* No space between them is there to break a line at. */
        display: inline-block;
        line-height: 1.45;
        max-inline-size: 100%;
        margin-inline-end: 0.375rem;
      }
      .given {
        color: var(--soft);
      }
      .made {
        background:
          linear-gradient(var(--ink), var(--ink)) no-repeat 0 100% / calc(var(--confidence) * 100%) 2px,
          color-mix(in oklab, var(--doubt) calc((1 - var(--confidence)) * 52%), transparent);
      }
      .token:hover {
        box-shadow: 0 0 0 1px var(--accent);
      }
      .token[aria-selected='true'] {
        box-shadow: 0 0 0 2px var(--accent);
      }
      .token:focus-visible {
        outline: 2px solid var(--accent);
        outline-offset: 3px;
      }
      .glyph {
        color: var(--soft);
        font-size: 0.8125rem;
      }
      .pending {
        color: var(--soft);
      }
      .caret {
        display: inline-block;
        inline-size: 0.5ch;
        block-size: 1.1em;
        vertical-align: text-bottom;
        background: var(--accent);
      }
    `,
  ];

  /** Tokens the model was given. */
  declare given: readonly Token[];
  /** Tokens the model chose, in order. */
  declare steps: readonly Step[];
  /** Shown in place of `given` while the tokenizer's answer is not here yet. */
  declare pendingText: string | undefined;
  declare position: number | undefined;
  declare busy: boolean;
  /** For tokenizers whose pieces do not carry their spaces (WordPiece). */
  declare spaced: boolean;

  constructor() {
    super();
    this.given = [];
    this.steps = [];
    this.busy = false;
    this.spaced = false;
  }

  override render(): TemplateResult {
    const walkable = this.position ?? this.given.length;
    return html`<div
      class="text"
      role="listbox"
      aria-label="Tokens"
      aria-orientation="horizontal"
      aria-busy=${this.busy}
      @keydown=${this.#onKey}
    >${this.given.length === 0 && this.pendingText ? html`<span class="pending" role="presentation">${this.pendingText}</span>` : nothing}${this.given.map((token, at) => this.#token(token, at, walkable))}${this.steps.map(
      (step, at) => this.#token(step.token, this.given.length + at, walkable, step),
    )}${this.busy ? html`<span class="caret" role="presentation"></span>` : nothing}</div>`;
  }

  #token(token: Token, at: number, walkable: number, step?: Step): TemplateResult {
    const label = step
      ? `${visibleText(token.text)}, confidence ${probabilityText(step.confidence)}, entropy ${natsText(step.entropy)}`
      : `${visibleText(token.text)}, given`;
    return html`<span
      class="token ${step ? 'made' : 'given'}"
      role="option"
      aria-label=${label}
      aria-selected=${at === this.position}
      tabindex=${at === walkable ? 0 : -1}
      ${vars(step ? { '--confidence': step.confidence } : {})}
      @click=${() => this.#choose(at)}
      @focus=${() => this.#choose(at)}
      @pointerenter=${(event: PointerEvent) => event.pointerType === 'mouse' && this.#choose(at)}
      >${text(token.text)}</span
    >`;
  }

  #choose(at: number): void {
    if (at === this.position) return;
    this.position = at;
    emit(this, 'sonde-position', at);
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const count = this.given.length + this.steps.length;
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -count, End: count }[
      event.key
    ];
    if (move === undefined || count === 0) return;
    event.preventDefault();
    const to = Math.min(count - 1, Math.max(0, (this.position ?? this.given.length) + move));
    this.renderRoot.querySelectorAll<HTMLElement>('.token')[to]?.focus();
  };

  /** A position beyond a new, shorter sequence means nothing any more. */
  override willUpdate(changed: PropertyValues<this>): void {
    const count = this.given.length + this.steps.length;
    if (
      (changed.has('given') || changed.has('steps')) &&
      this.position !== undefined &&
      this.position >= count
    )
      this.position = undefined;
  }
}

function text(value: string): TemplateResult {
  if (value === '') return html`<span class="glyph">∅</span>`;
  const lines = value.split('\n');
  return html`${lines.map((line, at) => (at === 0 ? line : html`<span class="glyph">↵</span>${'\n'}${line}`))}`;
}
