import { css, html, LitElement, type TemplateResult } from 'lit';
import { theme } from './theme.ts';

/** What the mask did comes first. */
const fates = ['kept back', 'coarsened', 'added', 'unchanged'] as const;
type Fate = (typeof fates)[number];
type Fields = Readonly<Record<string, unknown>>;

/** A record as the worker knows it beside what the mask let through, field by field. */
export class SondeRecordDiff extends LitElement {
  static override properties = { raw: { attribute: false }, masked: { attribute: false } };
  static override styles = [
    theme,
    css`
      .scroll {
        max-block-size: 24rem;
        overflow: auto;
        border-block-end: 1px solid var(--line);
      }
      thead th {
        position: sticky;
        inset-block-start: 0;
        background: var(--paper);
      }
      th,
      td {
        overflow-wrap: anywhere;
      }
      th[scope='row'] {
        font-weight: 400;
        min-inline-size: 9.5rem;
      }
      td {
        font-family: var(--mono);
        font-size: 0.75rem;
        min-inline-size: 8rem;
      }
      td.fate {
        font-family: inherit;
        font-size: 0.8125rem;
        color: var(--soft);
        min-inline-size: 6.5rem;
      }
      tr.changed .fate {
        color: var(--accent);
      }
      tr.back .fate {
        color: var(--good);
      }
      tr.back td:first-of-type {
        text-decoration: line-through;
        text-decoration-color: var(--soft);
      }
    `,
  ];

  declare raw: object | undefined;
  declare masked: object | undefined;

  override render(): TemplateResult {
    if (this.raw === undefined || this.masked === undefined)
      return html`<p class="absent">No record yet. Each run makes one.</p>`;
    const raw = this.raw as Fields;
    const masked = this.masked as Fields;
    const fate = (name: string): number => fates.indexOf(fateOf(raw[name], masked[name]));
    const names = [...new Set([...Object.keys(raw), ...Object.keys(masked)])].sort(
      (a, b) => fate(a) - fate(b),
    );
    return html`<div class="scroll" role="region" aria-label="Raw record beside masked record" tabindex="0">
      <table>
        <caption>
          The last record: what the worker knows, and what may leave this page
        </caption>
        <thead>
          <tr>
            <th scope="col">field</th>
            <th scope="col">raw, stays here</th>
            <th scope="col">masked, may be sent</th>
            <th scope="col">the mask</th>
          </tr>
        </thead>
        <tbody>
          ${names.map((name) => row(name, raw[name], masked[name]))}
        </tbody>
      </table>
    </div>`;
  }
}

function fateOf(raw: unknown, masked: unknown): Fate {
  if (masked === undefined) return 'kept back';
  if (raw === undefined) return 'added';
  return JSON.stringify(raw) === JSON.stringify(masked) ? 'unchanged' : 'coarsened';
}

function row(name: string, raw: unknown, masked: unknown): TemplateResult {
  const fate = fateOf(raw, masked);
  const tone = fate === 'kept back' ? 'back' : fate === 'coarsened' ? 'changed' : '';
  return html`<tr class=${tone}>
    <th scope="row">${name}</th>
    <td>${plain(raw)}</td>
    <td>${plain(masked)}</td>
    <td class="fate">${fate}</td>
  </tr>`;
}

function plain(value: unknown): string {
  if (value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
