import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Consent, Ledger, TelemetryEvent } from '../protocol/telemetry.ts';
import { emit } from './events.ts';
import { bytesText, countText, durationText } from './format.ts';
import { plainReason, troubleText } from './telemetry-words.ts';
import { theme } from './theme.ts';

type EventOf<Kind extends TelemetryEvent['kind']> = Extract<TelemetryEvent, { kind: Kind }>;

const consentText: Readonly<Record<Consent, string>> = {
  pending: 'You have not answered. Nothing is stored, keyed or sent.',
  granted: 'Masked records are kept for delivery and sent to this page’s own collector.',
  denied: 'Nothing is stored, keyed or sent.',
};

/** The telemetry pipe in the open: consent, the books, the last record, the bytes that left, the answer. */
export class SondeTelemetry extends LitElement {
  static override properties = {
    consent: { attribute: false },
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
        grid-template-columns: 6.5rem minmax(0, 1fr);
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
  /** Newest last. */
  declare events: readonly TelemetryEvent[];
  declare ledger: Ledger | undefined;
  /** Why there is no telemetry at all, in a sentence. */
  declare unavailable: string | undefined;

  constructor() {
    super();
    this.consent = 'pending';
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
          <p class="soft" role="status">${this.unavailable ?? consentText[this.consent]}</p>
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
    const lines = this.events.flatMap((event) => line(event) ?? []).reverse();
    if (lines.length === 0) return html`${nothing}`;
    return html`<section>
      <h3>What happened, newest first</h3>
      <ol tabindex="0" aria-label="Telemetry events">
        ${lines}
      </ol>
    </section>`;
  }

  #last<Kind extends TelemetryEvent['kind']>(kind: Kind): EventOf<Kind> | undefined {
    return this.events.findLast((event): event is EventOf<Kind> => event.kind === kind);
  }

  readonly #onConsent = (event: Event): void => {
    const granted = (event.currentTarget as HTMLInputElement).checked;
    emit(this, 'sonde-consent', granted ? 'granted' : 'denied');
  };
}

const sentText = ({ transport, url, records, size, seq }: EventOf<'sent'>): string =>
  `${transport} to ${url}, ${countText(records)} record${records === 1 ? '' : 's'}, ${bytesText(size)}, number ${seq}`;

function answerText({ status, control }: EventOf<'answer'>): string {
  switch (control.kind) {
    case 'ack': {
      const ranges = control.stored.flatMap(({ ranges }) =>
        ranges.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)),
      );
      const refused = Object.entries(control.rejected).map(
        ([reason, count]) => `${countText(count)} ${plainReason(reason)}`,
      );
      return `HTTP ${status}: stored on disk, numbers ${ranges.join(', ') || 'none'}${refused.length > 0 ? `; refused ${refused.join(', ')}` : ''}.`;
    }
    case 'backoff':
      return `HTTP ${status}: asks to wait ${durationText(control.retryAfter)} (${plainReason(control.reason)}). The records are kept.`;
    case 'policy':
      return `HTTP ${status}: ${control.off ? 'asks to stop sending' : `asks to keep ${control.sampling ?? 'the same share'} of the records`}.`;
    case 'label':
      return `HTTP ${status}: an outcome for request ${control.requestId}.`;
  }
}

function line(event: TelemetryEvent): TemplateResult | undefined {
  switch (event.kind) {
    case 'record':
      return item('record', `${event.raw.operation}, ${event.raw.outcome}, masked and queued`);
    case 'sent':
      return item('sent', sentText(event));
    case 'answer':
      return item('answer', answerText(event));
    case 'trouble':
      return item('trouble', troubleText(event.reason, event.blocked), true);
    case 'consent':
      return item('consent', event.consent);
    case 'ledger':
      return undefined;
  }
}

const item = (kind: string, text: string, fault = false): TemplateResult =>
  html`<li><span class=${fault ? 'fault' : 'soft'}>${kind}</span><span>${text}</span></li>`;
