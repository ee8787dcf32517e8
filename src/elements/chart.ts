import type * as Plot from '@observablehq/plot';
import { css } from 'lit';

/** Plot is loaded when the first chart is drawn, so it delays no other view. */
export async function drawChart(
  into: Element,
  options: (plot: typeof Plot) => Plot.PlotOptions,
): Promise<void> {
  const library = await import('@observablehq/plot');
  const chart = library.plot({ ...options(library), className: 'plot' });
  // Plot's own inline style sheet is refused by a strict content security policy: `chartStyle` replaces it.
  for (const style of chart.querySelectorAll('style')) style.remove();
  // The figure around it says what it shows; Plot's labels on groups without a role say it to nobody.
  for (const group of chart.querySelectorAll('g[aria-label]')) group.removeAttribute('aria-label');
  into.replaceChildren(chart);
}

export const chartStyle = css`
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
