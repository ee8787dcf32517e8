import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Account, Ledger } from '../protocol/telemetry.ts';
import { countText } from './format.ts';
import { plainReason } from './telemetry-words.ts';
import { theme } from './theme.ts';

/** The books of the telemetry pipe as an equation, with its check. */
export class SondeLedger extends LitElement {
  static override properties = { ledger: { attribute: false } };
  static override styles = [
    theme,
    css`
      .sum {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: 0.25rem 0.75rem;
      }
      .term b {
        display: block;
        font-family: var(--mono);
        font-size: 1.375rem;
        font-weight: 400;
        font-variant-numeric: tabular-nums;
        line-height: 1.15;
      }
      .sign {
        font-size: 1.125rem;
        color: var(--soft);
        padding-block-end: 1.25rem;
      }
      .verdict {
        margin-block-start: 0.375rem;
      }
      .off {
        color: var(--fault);
        font-weight: 600;
      }
    `,
  ];

  declare ledger: Ledger | undefined;

  override render(): TemplateResult {
    const { ledger } = this;
    if (ledger === undefined)
      return html`<p class="absent">No books yet: nothing was recorded in this page's life.</p>`;
    const dropped = Object.values(ledger.dropped).reduce((sum, count) => sum + count, 0);
    const rest = ledger.emitted - ledger.acknowledged - ledger.pending - dropped;
    const reasons = Object.entries(ledger.dropped).filter(([, count]) => count > 0);
    return html`<div class="sum">
        ${term('emitted', ledger.emitted)}<span class="sign">=</span>
        ${term('acknowledged', ledger.acknowledged)}<span class="sign">+</span>
        ${term('pending', ledger.pending)}<span class="sign">+</span> ${term('dropped', dropped)}
      </div>
      <p class="verdict small ${rest === 0 ? 'soft' : 'off'}">
        ${rest === 0 ? 'The books balance.' : `The books are off by ${countText(rest)} ${Math.abs(rest) === 1 ? 'record' : 'records'}: this is a defect of Sonde.`}
        ${reasons.length > 0 ? `Dropped: ${reasons.map(([reason, count]) => `${countText(count)} ${plainReason(reason)}`).join(', ')}.` : ''}
      </p>
      ${tier0(ledger.metrics)}`;
  }
}

/** Counted apart: one for each request, whether its record is sampled or not. */
const tier0 = ({ emitted, acknowledged, pending, dropped }: Account): TemplateResult | typeof nothing =>
  emitted === 0
    ? nothing
    : html`<p class="soft small">
        Measurements for tier 0: ${countText(emitted)} emitted = ${countText(acknowledged)} acknowledged +
        ${countText(pending)} pending +
        ${countText(Object.values(dropped).reduce((sum, count) => sum + count, 0))} dropped.
      </p>`;

const term = (name: string, count: number): TemplateResult =>
  html`<span class="term"><b>${countText(count)}</b><span class="soft small">${name}</span></span>`;
