import { html, LitElement, type TemplateResult } from 'lit';
import type { Step } from '../protocol/request.ts';
import { type ChartAt, ChartController, chartStyle } from './chart.ts';
import { theme } from './theme.ts';

/** Entropy of the next-token distribution at every step, from 0 to its ceiling ln V. */
export class SondeEntropy extends LitElement {
  static override properties = {
    steps: { attribute: false },
    vocabulary: { type: Number },
    chosen: { type: Number },
  };
  static override styles = [theme, chartStyle];

  declare steps: readonly Step[];
  declare vocabulary: number | undefined;
  /** Index of the chosen step, not of the token in the sequence. */
  declare chosen: number | undefined;

  constructor() {
    super();
    new ChartController(this, (width) => this.#chartAt(width));
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

  #chartAt(width: number): ReturnType<ChartAt> {
    const { steps, chosen } = this;
    if (steps.length === 0) return undefined;
    const ceiling = this.vocabulary === undefined ? undefined : Math.log(this.vocabulary);
    return (plot) => ({
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
    });
  }
}
