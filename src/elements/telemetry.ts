import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Consent, Ledger, TelemetryEvent } from '../protocol/telemetry.ts';
import { emit } from './events.ts';
import { clockText } from './format.ts';
import { answerText, type EventOf, eventText, eventTime, sentText } from './telemetry-words.ts';
import { theme } from './theme.ts';

const consentText: Readonly<Record<Consent, string>> = {
  pending: 'You have not answered. Nothing is stored, keyed or sent.',
  granted: 'Masked records are kept for delivery and sent to this page’s own collector.',
  denied: 'Nothing is stored, keyed or sent.',
};

const textsText = (sendsTexts: boolean): string =>
  sendsTexts
    ? 'Texts go without cards, keys, addresses and numbers that detectors find; names, and all else you wrote, stay in them.'
    : 'No text is in them.';

/** The telemetry pipe in the open: consent, the books, the last record, the bytes that left, the answer. */
export class SondeTelemetry extends LitElement {
  static override properties = {
    consent: { attribute: false },
    sendsTexts: { attribute: false },
    events: { attribute: false },
    ledger: { attribute: false },
    unavailable: { attribute: false },
  };
  static override styles = [
    theme,
    css`
      .top {
        display: grid;
        gap: 1.5rem 3rem;
        grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr));
      }
      h3 {
        margin: 1.5rem 0 0.5rem;
        font-size: 0.875rem;
        font-weight: 600;
      }
      .top h3 {
        margin-block-start: 0;
      }
      .switch {
        display: flex;
        gap: 0.625rem;
        align-items: center;
        min-block-size: 1.75rem;
      }
      input {
        flex: none;
        inline-size: 1.125rem;
        block-size: 1.125rem;
        margin: 0;
        accent-color: var(--accent);
      }
      ol {
        list-style: none;
        max-block-size: 14rem;
        overflow: auto;
        border-block-start: 1px solid var(--line);
      }
      li {
        display: grid;
        grid-template-columns: 4.5rem 4.5rem minmax(0, 1fr);
        gap: 0.75rem;
        padding-block: 0.1875rem;
        border-block-end: 1px solid var(--line);
        overflow-wrap: anywhere;
      }
      .fault {
        color: var(--fault);
      }
    `,
  ];

  declare consent: Consent;
  /** Whether masked texts are to leave too. */
  declare sendsTexts: boolean;
  /** Newest last. */
  declare events: readonly TelemetryEvent[];
  declare ledger: Ledger | undefined;
  /** Why there is no telemetry at all, in a sentence. */
  declare unavailable: string | undefined;

  constructor() {
    super();
    this.consent = 'pending';
    this.sendsTexts = false;
    this.events = [];
  }

  override render(): TemplateResult {
    const record = this.#last('record');
    const sent = this.#last('sent');
    const answer = this.#last('answer');
    return html`<div class="top">
        <section>
          <h3>Consent</h3>
          <label class="switch">
            <input type="checkbox" .checked=${this.consent === 'granted'} @change=${this.#onConsent} />
            Send masked telemetry to this page's collector
          </label>
          <label class="switch">
            <input type="checkbox" .checked=${this.sendsTexts} @change=${this.#onTexts} />
            From the next run on, the masked text of input and output too
          </label>
          <p class="soft" role="status">
            ${this.unavailable ?? consentText[this.consent]}${this.unavailable === undefined && this.consent === 'granted' ? ` ${textsText(this.sendsTexts)}` : ''}
          </p>
        </section>
        <section>
          <h3>Books</h3>
          <sonde-ledger .ledger=${this.ledger}></sonde-ledger>
        </section>
      </div>
      <section>
        <h3>The last record, before and after the mask</h3>
        <sonde-record-diff .raw=${record?.raw} .masked=${record?.masked}></sonde-record-diff>
      </section>
      <section>
        <h3>
          The last bytes that left
          ${sent ? html`<span class="soft small">${sentText(sent)}</span>` : nothing}
        </h3>
        <sonde-payload .body=${sent?.body}></sonde-payload>
      </section>
      <section>
        <h3>The collector's last answer</h3>
        ${answer ? html`<p>${answerText(answer)}</p>` : html`<p class="absent">None yet.</p>`}
      </section>
      ${this.#timeline()}`;
  }

  #timeline(): TemplateResult {
    const events = this.events.filter((event) => eventText(event) !== undefined).toReversed();
    if (events.length === 0) return html`${nothing}`;
    return html`<section>
      <h3>What happened, newest first</h3>
      <ol tabindex="0" aria-label="Telemetry events">
        ${events.map(
          (event) =>
            html`<li>
              <span class=${event.kind === 'trouble' ? 'fault' : 'soft'}>${event.kind}</span>
              <span class="number soft">${clockText(eventTime(event))}</span>
              <span>${eventText(event)}</span>
            </li>`,
        )}
      </ol>
    </section>`;
  }

  #last<Kind extends TelemetryEvent['kind']>(kind: Kind): EventOf<Kind> | undefined {
    return this.events.findLast((event): event is EventOf<Kind> => event.kind === kind);
  }

  readonly #onTexts = (event: Event): void => {
    this.sendsTexts = (event.currentTarget as HTMLInputElement).checked;
    emit(this, 'sonde-texts', this.sendsTexts);
  };

  readonly #onConsent = (event: Event): void => {
    const granted = (event.currentTarget as HTMLInputElement).checked;
    emit(this, 'sonde-consent', granted ? 'granted' : 'denied');
  };
}
