import { css, html, LitElement, type PropertyValues, type TemplateResult } from 'lit';
import type { Step } from '../protocol/request.ts';
import { chartStyle, drawChart } from './chart.ts';
import { onResize } from './resize.ts';
import { theme } from './theme.ts';

/** Entropy of the next-token distribution at every step, from 0 to its ceiling ln V. */
export class SondeEntropy extends LitElement {
  static override properties = {
    steps: { attribute: false },
    vocabulary: { type: Number },
    chosen: { type: Number },
  };
  static override styles = [
    theme,
    chartStyle,
    css`
      figcaption {
        color: var(--soft);
        font-size: 0.8125rem;
      }
    `,
  ];

  declare steps: readonly Step[];
  declare vocabulary: number | undefined;
  /** Index of the chosen step, not of the token in the sequence. */
  declare chosen: number | undefined;

  #width = 0;

  constructor() {
    super();
    onResize(this, () => this.#draw());
    this.steps = [];
  }

  override render(): TemplateResult {
    return html`<figure>
      <div class="chart" role="img" aria-label=${this.#summary()}></div>
      <figcaption>${this.#summary()}</figcaption>
    </figure>`;
  }

  #summary(): string {
    if (this.steps.length === 0) return 'No step was generated yet.';
    const entropies = this.steps.map((step) => step.entropy as number);
    const mean = entropies.reduce((sum, value) => sum + value, 0) / entropies.length;
    const ceiling =
      this.vocabulary === undefined ? '' : `, uniform would be ${Math.log(this.vocabulary).toFixed(2)}`;
    return `Entropy by step: mean ${mean.toFixed(2)}, largest ${Math.max(...entropies).toFixed(2)} nats${ceiling}.`;
  }

  override updated(_changed: PropertyValues<this>): void {
    this.#width = 0;
    this.#draw();
  }

  #draw(): void {
    const into = this.renderRoot.querySelector('.chart');
    const width = Math.floor(this.clientWidth);
    if (into === null || width === 0 || width === this.#width || this.steps.length === 0) return;
    this.#width = width;
    const { steps, chosen } = this;
    const ceiling = this.vocabulary === undefined ? undefined : Math.log(this.vocabulary);
    void drawChart(into, (plot) => ({
      width,
      height: 96,
      marginLeft: 32,
      marginRight: 4,
      marginTop: 16,
      marginBottom: 20,
      x: { label: null, ticks: Math.min(8, steps.length), tickFormat: 'd', inset: 4 },
      y: { label: 'nats', ticks: 3, ...(ceiling === undefined ? {} : { domain: [0, ceiling] }) },
      marks: [
        plot.gridY({ ticks: 3, strokeOpacity: 0.15 }),
        plot.ruleX(steps, {
          x: 'index',
          y1: 0,
          y2: 'entropy',
          stroke: 'currentColor',
          strokeWidth: 1.5,
          strokeOpacity: 0.55,
        }),
        plot.dot(steps, { x: 'index', y: 'entropy', r: 2, fill: 'currentColor' }),
        plot.dot(
          steps.filter((step) => step.index === chosen),
          { x: 'index', y: 'entropy', r: 5, stroke: 'var(--accent)', strokeWidth: 2 },
        ),
        plot.ruleY([0], { strokeOpacity: 0.4 }),
      ],
    }));
  }
}
