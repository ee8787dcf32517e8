import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { DriftEvent, DriftState } from '../protocol/drift.ts';
import type { WindowStatistic } from '../shared/drift.ts';
import type { ParityGap } from '../shared/parity.ts';
import { type ChartAt, ChartController, chartStyle } from './chart.ts';
import { emit } from './events.ts';
import { clockText, countText, percentText } from './format.ts';
import { panelStyle } from './panel-style.ts';
import { theme } from './theme.ts';

/** Requests that the page makes by itself, to fill a window. */
export interface Feeding {
  readonly of: string;
  readonly done: number;
  readonly total: number;
}

/** The last full window of a model's requests beside what chance shows of its baseline. */
export class SondeDrift extends LitElement {
  static override properties = {
    model: { attribute: false },
    state: { attribute: false },
    feeding: { attribute: false },
  };
  static override styles = [
    theme,
    chartStyle,
    panelStyle,
    css`
      figcaption {
        margin-block-end: 1rem;
      }
      .alarm {
        color: var(--fault);
        font-weight: 600;
      }
      .calm {
        color: var(--good);
        font-weight: 600;
      }
      summary {
        cursor: pointer;
        color: var(--accent);
        inline-size: fit-content;
        min-block-size: 1.5rem;
      }
      th[scope='row'] {
        font-family: var(--mono);
        font-size: 0.8125rem;
        font-weight: 400;
        color: var(--ink);
      }
    `,
  ];

  /** Name of the model whose requests are counted. */
  declare model: string | undefined;
  /** Undefined where no model is loaded, or it has no baseline. */
  declare state: DriftState | undefined;
  declare feeding: Feeding | undefined;

  constructor() {
    super();
    new ChartController(this, (width) => this.#chartAt(width));
  }

  override render(): TemplateResult {
    const { state, model } = this;
    return html`${state === undefined ? html`<p class="absent">${this.#absence()}</p>` : this.#windowText(state)}
      <div class="row">
        ${this.#button('shakespeare', 'Feed 200 lines of Shakespeare')}
        ${this.#button('reviews', 'Feed 200 film reviews')}
      </div>
      <div role="status">
        ${
          this.feeding === undefined
            ? nothing
            : html`<p class="small soft">
                Feeding ${this.feeding.of}
                <progress
                  aria-label="Requests made"
                  max=${this.feeding.total}
                  .value=${this.feeding.done}
                ></progress>
              </p>`
        }
        ${state?.latest === undefined ? nothing : verdict(state.latest, model)}
      </div>
      ${state?.latest === undefined ? nothing : this.#window(state.latest)}`;
  }

  #absence(): string {
    return this.model === undefined
      ? 'No requests were counted yet.'
      : `${this.model} has no baseline.json in its folder, so there is nothing to hold its requests against.`;
  }

  #windowText({ window, seen, falseAlarms, parity }: DriftState): TemplateResult {
    return html`<p>
      <span class="number">${countText(seen)}</span> of <span class="number">${countText(window)}</span> requests of
      ${this.model} in the window that is being filled.
      <span class="soft">
        Where nothing has drifted, a window raises any alarm with chance ${percentText(falseAlarms)}.
      </span>
    </p>
      ${parity === undefined || parity.length === 0 ? nothing : parityText(parity)}`;
  }

  #button(texts: 'shakespeare' | 'reviews', words: string): TemplateResult {
    return html`<button
      type="button"
      ?disabled=${this.feeding !== undefined}
      @click=${() => emit(this, 'sonde-feed', texts)}
    >
      ${words}
    </button>`;
  }

  #window({ statistics, alarms }: DriftEvent): TemplateResult {
    return html`<figure>
        <div
          class="chart"
          role="img"
          aria-label="${statistics.length} statistics of the window as multiples of their limits, ${alarms.length} beyond; every number is in the table below"
        ></div>
        <figcaption>Each statistic as a multiple of its limit: right of the line is an alarm.</figcaption>
      </figure>
      <details>
        <summary>The statistics as numbers</summary>
        <div class="scroll" role="region" aria-label="Statistics of the window" tabindex="0">
          <table>
            <thead>
              <tr>
                <th scope="col">statistic</th>
                <th scope="col" class="number">effect</th>
                <th scope="col" class="number">limit</th>
                <th scope="col" class="number">requests</th>
                <th scope="col">alarm</th>
              </tr>
            </thead>
            <tbody>
              ${statistics.map(
                ({ statistic, value, limit, n }) =>
                  html`<tr>
                    <th scope="row">${statistic}</th>
                    <td class="number">${value.toFixed(4)}</td>
                    <td class="number">${limit.toFixed(4)}</td>
                    <td class="number">${countText(n)}</td>
                    <td>${value > limit ? html`<span class="alarm">alarm</span>` : 'no'}</td>
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>
      </details>`;
  }

  #chartAt(width: number): ReturnType<ChartAt> {
    const statistics = this.state?.latest?.statistics;
    if (statistics === undefined) return undefined;
    const multiple = ({ value, limit }: WindowStatistic): number => value / limit;
    const tone = ({ value, limit }: WindowStatistic): string =>
      value > limit ? 'var(--fault)' : 'var(--ink)';
    return (plot) => ({
      width,
      height: 54 + 18 * statistics.length,
      marginLeft: 140,
      marginRight: 16,
      marginTop: 40,
      marginBottom: 8,
      // A shift may be fifty times its limit, and what stands at half of it must still be seen.
      x: {
        type: 'sqrt',
        domain: [0, Math.max(1.5, ...statistics.map(multiple))],
        axis: 'top',
        label: 'multiple of the limit',
        labelOffset: 38,
        ticks: Math.max(3, Math.floor((width - 156) / 90)),
      },
      y: { domain: statistics.map(({ statistic }) => statistic), label: null, tickSize: 0 },
      marks: [
        plot.gridX({ strokeOpacity: 0.12 }),
        plot.ruleX([1], { stroke: 'var(--fault)', strokeDasharray: '4 3' }),
        plot.ruleY(statistics, { y: 'statistic', x1: 0, x2: multiple, stroke: tone, strokeWidth: 2 }),
        plot.dot(statistics, { y: 'statistic', x: multiple, fill: tone, r: 3.5 }),
      ],
    });
  }
}

const parityText = (gaps: readonly ParityGap[]): TemplateResult =>
  html`<p>
    <span class="alarm">Inputs are made ready otherwise than where the baseline was made:</span>
    ${gaps.map(({ of, training, serving }) => `${of} was ${short(training)}, ${serving === undefined ? 'and is missing' : `is ${short(serving)}`}`).join('; ')}.
    Records count as anomalous.
  </p>`;

/** A digest is known by its beginning. */
const short = (word: string): string => (/^[0-9a-f]{64}$/.test(word) ? word.slice(0, 12) : word);

function verdict({ alarms, at, statistics }: DriftEvent, model: string | undefined): TemplateResult {
  const [worst] = alarms;
  const n = statistics[0]?.n ?? 0;
  if (worst === undefined)
    return html`<p>
      <span class="calm">No alarm</span> in the last full window of ${countText(n)} requests of ${model}, at
      ${clockText(at)}.
    </p>`;
  return html`<p>
    <span class="alarm">${alarms.length} ${alarms.length === 1 ? 'alarm' : 'alarms'}</span> in the last full window of
    ${countText(n)} requests of ${model}, at ${clockText(at)}; the furthest out is ${worst.statistic}:
    ${worst.value.toFixed(3)}, where chance shows ${worst.limit.toFixed(3)} at most. Records count as anomalous until a
    window without alarms.
  </p>`;
}
