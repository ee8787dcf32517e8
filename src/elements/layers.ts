import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { emit, type HeadPlace } from './events.ts';
import { theme } from './theme.ts';
import { vars } from './vars.ts';

/** Statistics of one head over the whole sequence. */
export interface HeadSummary extends HeadPlace {
  /** Mean entropy of a query's weights, nats. */
  readonly entropy: number;
  /** Mean weight on the token before, over queries that have one; absent where none has, or keys are not the queries. */
  readonly previousToken?: number;
  /** Mean weight on the first token, over the other queries; absent likewise. */
  readonly firstToken?: number;
  /** Mean weight on the token after an earlier copy of the query; absent where the text is not a repetition. */
  readonly induction?: number;
}

/** Statistics of what one block leaves in the residual stream, over positions and dimensions. */
export interface LayerSummary {
  readonly layer: number;
  readonly mean: number;
  readonly deviation: number;
  readonly largest: number;
  /** Mean L2 norm over positions of what attention and MLP add; absent where the model does not show it. */
  readonly attentionNorm?: number;
  /** The same of what a decoder reads of its encoder. */
  readonly crossNorm?: number;
  readonly mlpNorm?: number;
}

/** A head is called by a pattern from this mean weight on. */
export const labelFrom = 0.5;

export function headLabel(head: HeadSummary): string | undefined {
  const candidates: readonly (readonly [string, number | undefined])[] = [
    ['induction', head.induction],
    ['previous', head.previousToken],
    ['first', head.firstToken],
  ];
  const [name, score] = candidates.reduce((best, next) => ((next[1] ?? 0) > (best[1] ?? 0) ? next : best));
  return score !== undefined && score >= labelFrom ? `${name} ${score.toFixed(2)}` : undefined;
}

/** Per-layer and per-head numbers as tables; a number that was not computed is a dash. */
export class SondeLayers extends LitElement {
  static override properties = {
    layers: { attribute: false },
    heads: { attribute: false },
  };
  static override styles = [
    theme,
    css`
      .scroll + .scroll {
        margin-block-start: 1.5rem;
      }
      .bar {
        display: inline-block;
        vertical-align: middle;
        inline-size: 3rem;
        block-size: 0.375rem;
        margin-inline-start: 0.5rem;
        background:
          linear-gradient(var(--soft), var(--soft)) no-repeat 0 0 / calc(var(--share) * 100%) 100%,
          color-mix(in oklab, var(--ink) 10%, transparent);
      }
      td.number {
        min-inline-size: 4.5rem;
      }
      @container (max-width: 28rem) {
        .bar {
          display: none;
        }
        .heads th.number {
          white-space: normal;
        }
        .heads td.number {
          min-inline-size: 0;
        }
      }
      button {
        min-block-size: 1.5rem;
        padding-block: 0;
        font-variant-numeric: tabular-nums;
      }
      tr.first td,
      tr.first th {
        border-block-start: 1px solid var(--soft);
      }
    `,
  ];

  declare layers: readonly LayerSummary[];
  declare heads: readonly HeadSummary[];

  constructor() {
    super();
    this.layers = [];
    this.heads = [];
  }

  override render(): TemplateResult {
    if (this.layers.length === 0 && this.heads.length === 0)
      return html`<p class="absent">No summary was computed yet. Run something to see it.</p>`;
    return html`${this.#layerTable()} ${this.#headTable()}`;
  }

  #layerTable(): TemplateResult {
    const isCrossed = this.layers.some(({ crossNorm }) => crossNorm !== undefined);
    return html`<div class="scroll" role="region" aria-label="Summary of each layer" tabindex="0">
      <table>
        <caption>
          The residual stream after each block, over all positions and dimensions; what attention and MLP add is a
          mean length (L2)
        </caption>
        <thead>
          <tr>
            <th scope="col">layer</th>
            <th scope="col" class="number">mean</th>
            <th scope="col" class="number">deviation</th>
            <th scope="col" class="number">largest |x|</th>
            <th scope="col" class="number">attention adds</th>
            ${isCrossed ? html`<th scope="col" class="number">cross-attention adds</th>` : nothing}
            <th scope="col" class="number">MLP adds</th>
          </tr>
        </thead>
        <tbody>
          ${this.layers.map(
            (row) =>
              html`<tr>
                <th scope="row">${row.layer}</th>
                ${[
                  row.mean,
                  row.deviation,
                  row.largest,
                  row.attentionNorm,
                  ...(isCrossed ? [row.crossNorm] : []),
                  row.mlpNorm,
                ].map(
                  (value) => html`<td class="number">${value === undefined ? '–' : value.toFixed(3)}</td>`,
                )}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  #headTable(): TemplateResult {
    return html`<div class="scroll" role="region" aria-label="Summary of each head" tabindex="0">
      <table class="heads">
        <caption>
          Each head over the whole sequence: mean entropy of a query's weights in nats; the rest are mean weights
        </caption>
        <thead>
          <tr>
            <th scope="col">layer, head</th>
            <th scope="col" class="number">entropy</th>
            <th scope="col" class="number">previous token</th>
            <th scope="col" class="number">first token</th>
            <th scope="col" class="number">induction</th>
          </tr>
        </thead>
        <tbody>
          ${this.heads.map(
            (row) =>
              html`<tr class=${row.head === 0 ? 'first' : ''}>
                <th scope="row">
                  <button
                    aria-label="${row.layer}.${row.head}, show this head"
                    @click=${() => emit(this, 'sonde-head', { layer: row.layer, head: row.head })}
                  >
                    ${row.layer}.${row.head}
                  </button>
                </th>
                <td class="number">${row.entropy.toFixed(3)}</td>
                ${[row.previousToken, row.firstToken, row.induction].map(weight)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }
}

const weight = (value: number | undefined): TemplateResult =>
  value === undefined
    ? html`<td class="number">–</td>`
    : html`<td class="number">${value.toFixed(3)}<span class="bar" ${vars({ '--share': value })}></span></td>`;
