import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Step, Token } from '../protocol/request.ts';
import { durationText, natsText, probabilityText } from './format.ts';
import { theme } from './theme.ts';
import { visibleText } from './token-text.ts';
import { vars } from './vars.ts';

/** What the model thought of one token: its signals and the ten likeliest candidates. */
export class SondeTokenDetail extends LitElement {
  static override properties = {
    token: { attribute: false },
    step: { attribute: false },
    position: { type: Number },
    vocabulary: { type: Number },
  };
  static override styles = [
    theme,
    css`
      h3 {
        margin: 0 0 0.5rem;
        font-size: 0.875rem;
        font-weight: 600;
      }
      .name {
        font-family: var(--mono);
      }
      dl {
        display: grid;
        grid-template-columns: 1fr auto;
        row-gap: 0.125rem;
        border-block: 1px solid var(--line);
        padding-block: 0.375rem;
      }
      dt {
        color: var(--soft);
      }
      dd {
        text-align: end;
      }
      table {
        margin-block-start: 0.5rem;
        table-layout: fixed;
      }
      td {
        padding: 0.125rem 0.375rem 0.125rem 0;
        border: 0;
      }
      th {
        padding: 0;
        border: 0;
      }
      .candidate {
        font-family: var(--mono);
        font-size: 0.8125rem;
        white-space: nowrap;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .chosen .candidate {
        font-weight: 700;
        color: var(--accent);
      }
      .bar {
        block-size: 0.5rem;
        inline-size: calc(var(--share) * 100%);
        min-inline-size: 1px;
        background: var(--soft);
      }
      .chosen .bar {
        background: var(--accent);
      }
      .c1 {
        inline-size: 5.5rem;
      }
      .c3 {
        inline-size: 3.75rem;
      }
      .hidden {
        position: absolute;
        inline-size: 1px;
        block-size: 1px;
        overflow: hidden;
        clip-path: inset(50%);
      }
    `,
  ];

  declare token: Token | undefined;
  /** Absent for a token that was given. */
  declare step: Step | undefined;
  declare position: number | undefined;
  declare vocabulary: number | undefined;

  override render(): TemplateResult {
    if (!this.token)
      return html`<p class="absent">Point at a token, or walk with the arrow keys, to read what the model thought of it.</p>`;
    const heading = html`<h3>
      <span class="name">${visibleText(this.token.text)}</span>
      <span class="soft small"
        >${this.position === undefined ? nothing : `position ${this.position}, `}id ${this.token.id}</span
      >
    </h3>`;
    if (!this.step)
      return html`${heading}
        <p class="absent">Given, not predicted: no confidence was computed for it.</p>`;
    return html`${heading} ${this.#signals(this.step)} ${this.#candidates(this.step)}`;
  }

  #signals(step: Step): TemplateResult {
    const most = this.vocabulary === undefined ? nothing : html` of ${Math.log(this.vocabulary).toFixed(2)}`;
    return html`<dl>
      <dt>Confidence</dt>
      <dd class="number">${probabilityText(step.confidence)}</dd>
      <dt>Entropy</dt>
      <dd class="number">${step.entropy.toFixed(3)}${most} nats</dd>
      <dt>Surprise, −ln p</dt>
      <dd class="number">${natsText(-step.logProbability)}</dd>
      <dt>Margin</dt>
      <dd class="number">${probabilityText(step.margin)}</dd>
      <dt>Came after</dt>
      <dd class="number">${durationText(step.elapsed)}</dd>
    </dl>`;
  }

  #candidates(step: Step): TemplateResult {
    const most = Math.max(...step.topK.map((candidate) => candidate.probability));
    const listed = step.topK.some((candidate) => candidate.id === step.token.id);
    return html`<table>
        <caption>
          The ${step.topK.length} likeliest, relative to the first
        </caption>
        <colgroup>
          <col class="c1" />
          <col />
          <col class="c3" />
        </colgroup>
        <thead class="hidden">
          <tr>
            <th scope="col">token</th>
            <th scope="col">share of the first</th>
            <th scope="col">probability</th>
          </tr>
        </thead>
        <tbody>
          ${step.topK.map(
            (candidate) =>
              html`<tr class=${candidate.id === step.token.id ? 'chosen' : ''}>
                <td class="candidate">${visibleText(candidate.text)}</td>
                <td>
                  <div class="bar" ${vars({ '--share': candidate.probability / most })}></div>
                </td>
                <td class="number">${probabilityText(candidate.probability)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
      ${listed ? nothing : html`<p class="soft small">The sampled token is not among these ten.</p>`}`;
  }
}
