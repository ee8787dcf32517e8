import type * as Plot from '@observablehq/plot';
import { css, type LitElement, type ReactiveController } from 'lit';
import { onResize } from './resize.ts';

/** What to draw at a width in pixels; undefined where there is nothing to draw. */
export type ChartAt = (width: number) => ((plot: typeof Plot) => Plot.PlotOptions) | undefined;

/** Draws into its element's `.chart`: what an update brought, and again at another width. */
export class ChartController implements ReactiveController {
  readonly #host: LitElement;
  readonly #chartAt: ChartAt;
  /** Of what is drawn; 0 once that is out of date. */
  #width = 0;
  #frame = 0;

  constructor(host: LitElement, chartAt: ChartAt) {
    this.#host = host;
    this.#chartAt = chartAt;
    host.addController(this);
    onResize(host, () => this.#schedule());
  }

  hostUpdated(): void {
    this.#width = 0;
    this.#schedule();
  }

  hostDisconnected(): void {
    cancelAnimationFrame(this.#frame);
  }

  /** Once a frame at most: drawing takes longer than a small model takes for a token. */
  #schedule(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    const into = this.#host.renderRoot.querySelector('.chart');
    const width = Math.floor(this.#host.clientWidth);
    if (into === null || width === 0 || width === this.#width) return;
    const chart = this.#chartAt(width);
    if (chart === undefined) return;
    this.#width = width;
    void drawChart(into, chart);
  }
}

/** Plot is loaded when the first chart is drawn, so it delays no other view. */
async function drawChart(into: Element, options: (plot: typeof Plot) => Plot.PlotOptions): Promise<void> {
  const library = await import('@observablehq/plot');
  const chart = library.plot({ ...options(library), className: 'plot' });
  // Plot's own inline style sheet is refused by a strict content security policy: `chartStyle` replaces it.
  for (const style of chart.querySelectorAll('style')) style.remove();
  // The figure around it says what it shows; Plot's labels on groups without a role say it to nobody.
  for (const group of chart.querySelectorAll('g[aria-label]')) group.removeAttribute('aria-label');
  into.replaceChildren(chart);
}

export const chartStyle = css`
  figcaption {
    color: var(--soft);
    font-size: 0.8125rem;
    margin-block-start: 0.25rem;
  }
  .swatch {
    display: inline-block;
    inline-size: 1.25rem;
    border-block-start: 2px solid var(--ink);
    vertical-align: middle;
  }
  .plot {
    display: block;
    block-size: auto;
    max-inline-size: 100%;
    background: none;
    overflow: visible;
    color: var(--soft);
    font-family: inherit;
    font-size: 11px;
    font-variant-numeric: tabular-nums;
  }
  .plot text,
  .plot tspan {
    white-space: pre;
  }
`;
