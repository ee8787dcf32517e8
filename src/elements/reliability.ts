import { css, html, LitElement, type TemplateResult } from 'lit';
import { type ChartAt, ChartController, chartStyle } from './chart.ts';
import { countText, percentText, probabilityText } from './format.ts';
import { theme } from './theme.ts';

/** A number with the 95 % interval of its bootstrap. */
export interface Bounds {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
}

/** Predictions of about the same confidence. */
export interface ReliabilityPoint {
  /** Mean confidence. */
  readonly confidence: number;
  /** Share that was right. */
  readonly accuracy: Bounds;
  readonly count: number;
}

/** How far one confidence is from accuracy. */
export interface ReliabilityCurve {
  readonly name: string;
  readonly points: readonly ReliabilityPoint[];
  /** Expected calibration error. */
  readonly ece: Bounds;
  /** What a perfectly calibrated model would show with these confidences: mean, and 95 % quantile. */
  readonly perfect: { readonly mean: number; readonly upper: number };
  readonly brier: number;
}

/** Confidence of a model on data that it was not trained on. */
export interface Reliability {
  readonly model: string;
  readonly data: string;
  readonly n: number;
  /** As the model says it, and calibrated. */
  readonly curves: readonly [ReliabilityCurve, ReliabilityCurve];
  /** Prediction sets: what was promised, how often they held the true class, and how many classes they have. */
  readonly sets: { readonly coverage: number; readonly held: number; readonly size: number };
}

const looks = [
  { stroke: 'var(--ink)', fill: 'var(--ink)', symbol: 'circle' },
  { stroke: 'var(--accent)', fill: 'var(--surface)', symbol: 'diamond' },
] as const;

/** Reliability diagram: on the diagonal a model that says 0.8 is right 80 times of 100. */
export class SondeReliability extends LitElement {
  static override properties = { reliability: { attribute: false }, unavailable: { attribute: false } };
  static override styles = [
    theme,
    chartStyle,
    css`
      .chart {
        max-inline-size: 34rem;
      }
      figcaption {
        margin-block-end: 1rem;
      }
      .swatch.calibrated {
        border-color: var(--accent);
      }
      .swatch.diagonal {
        border-block-start: 1px dashed var(--soft);
      }
      summary {
        cursor: pointer;
        color: var(--accent);
        inline-size: fit-content;
        min-block-size: 1.5rem;
        margin-block-start: 0.75rem;
      }
      .small {
        margin-block-start: 0.75rem;
        max-inline-size: 62ch;
      }
    `,
  ];

  declare reliability: Reliability | undefined;
  /** Why there is nothing to show, in a sentence. */
  declare unavailable: string | undefined;

  constructor() {
    super();
    new ChartController(this, (width) => this.#chartAt(Math.min(width, 544)));
  }

  override render(): TemplateResult {
    const { reliability } = this;
    if (reliability === undefined)
      return html`<p class="absent">${this.unavailable ?? 'Nothing was measured yet.'}</p>`;
    const { model, data, n, curves, sets } = reliability;
    const [raw] = curves;
    const isNoise = raw.ece.estimate <= raw.perfect.upper;
    return html`<figure>
        <div
          class="chart"
          role="img"
          aria-label="Accuracy by confidence of ${model} on ${data}, in ${raw.points.length} bins; every number is in the tables below"
        ></div>
        <figcaption>
          <span class="swatch"></span> ${curves[0].name} &ensp;<span class="swatch calibrated"></span>
          ${curves[1].name} &ensp;<span class="swatch diagonal"></span> perfectly calibrated. Lines: Wilson's 95 %
          interval.
        </figcaption>
      </figure>
      <div class="scroll" role="region" aria-label="Calibration errors of ${model} on ${data}" tabindex="0">
        <table>
          <caption>
            ${model} on ${data}, ${countText(n)} texts
          </caption>
          <thead>
            <tr>
              <th scope="col">confidence</th>
              <th scope="col" class="number">ECE (95 %)</th>
              <th scope="col" class="number">a perfect model’s ECE</th>
              <th scope="col" class="number">Brier</th>
            </tr>
          </thead>
          <tbody>
            ${curves.map(
              ({ name, ece, perfect, brier }) =>
                html`<tr>
                  <th scope="row">${name}</th>
                  <td class="number">${within(ece)}</td>
                  <td class="number">${perfect.mean.toFixed(4)}, up to ${perfect.upper.toFixed(4)}</td>
                  <td class="number">${brier.toFixed(4)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      <p class="small soft">
        ${
          isNoise
            ? 'The ECE is no larger than what a perfectly calibrated model would show by chance with so few texts.'
            : 'The ECE is larger than what chance shows of a perfectly calibrated model with so few texts.'
        }
        Prediction sets that promise ${percentText(sets.coverage)} held the true class in ${percentText(sets.held)} of these
        texts, with ${sets.size.toFixed(2)} classes on average.
      </p>
      <details>
        <summary>The bins as numbers</summary>
        ${curves.map((curve) => binTable(curve, data))}
      </details>`;
  }

  #chartAt(width: number): ReturnType<ChartAt> {
    const { reliability } = this;
    if (reliability === undefined) return undefined;
    const least = Math.min(
      ...reliability.curves.flatMap(({ points }) => points.map(({ confidence }) => confidence)),
    );
    const domain = [Math.floor(least * 10) / 10, 1];
    const ticks = Math.max(3, Math.floor((width - 60) / 80));
    return (plot) => ({
      width,
      height: Math.round(Math.min(width, 380) * 0.9),
      marginLeft: 44,
      marginRight: 12,
      x: { domain, label: 'confidence →', ticks },
      y: { domain: [0, 1], label: '↑ share that was right', ticks: 6 },
      marks: [
        plot.gridY({ strokeOpacity: 0.12 }),
        plot.line(
          domain.map((x) => [x, x]),
          { stroke: 'var(--soft)', strokeDasharray: '4 3' },
        ),
        ...reliability.curves.flatMap(({ points }, at) => {
          const { stroke, fill, symbol } = looks[at === 0 ? 0 : 1];
          return [
            plot.ruleX(points, {
              x: 'confidence',
              y1: ({ accuracy }) => accuracy.lower,
              y2: ({ accuracy }) => accuracy.upper,
              stroke,
              strokeWidth: 1.25,
            }),
            plot.dot(points, {
              x: 'confidence',
              y: ({ accuracy }) => accuracy.estimate,
              r: 3.5,
              fill,
              stroke,
              symbol,
              strokeWidth: 1.5,
            }),
          ];
        }),
      ],
    });
  }
}

const within = ({ estimate, lower, upper }: Bounds): string =>
  `${estimate.toFixed(4)} (${lower.toFixed(4)}–${upper.toFixed(4)})`;

const binTable = ({ name, points }: ReliabilityCurve, data: string): TemplateResult =>
  html`<div class="scroll" role="region" aria-label="Bins: ${name}, on ${data}" tabindex="0">
    <table>
      <caption>
        ${name}
      </caption>
      <thead>
        <tr>
          <th scope="col" class="number">mean confidence</th>
          <th scope="col" class="number">right (95 %)</th>
          <th scope="col" class="number">texts</th>
        </tr>
      </thead>
      <tbody>
        ${points.map(
          ({ confidence, accuracy, count }) =>
            html`<tr>
              <td class="number">${probabilityText(confidence)}</td>
              <td class="number">${within(accuracy)}</td>
              <td class="number">${countText(count)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
