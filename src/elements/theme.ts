import { css } from 'lit';

/**
 * What every element shares. A page sets the `--sonde-*` properties; without them the system colours of
 * its colour scheme are used, so an element reads well anywhere.
 */
export const theme = css`
  :host {
    --ink: var(--sonde-ink, CanvasText);
    --soft: var(--sonde-soft, color-mix(in oklab, CanvasText 72%, Canvas));
    --paper: var(--sonde-paper, Canvas);
    --surface: var(--sonde-surface, Canvas);
    --line: var(--sonde-line, color-mix(in oklab, CanvasText 20%, Canvas));
    --accent: var(--sonde-accent, LinkText);
    --doubt: var(--sonde-doubt, light-dark(#e8a33d, #9a6414));
    --fault: var(--sonde-fault, light-dark(#9b1c2e, #ff9aa2));
    --good: var(--sonde-good, light-dark(#1d6b4f, #7fd1ae));
    --mono: var(--sonde-mono, ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace);
    display: block;
    color: var(--ink);
    font-size: 0.875rem;
    line-height: 1.45;
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before {
    box-sizing: border-box;
  }
  p,
  dl,
  dd,
  ol,
  ul,
  figure {
    margin: 0;
    padding: 0;
  }
  .number:not(th),
  output {
    font-family: var(--mono);
    font-size: 0.8125rem;
    font-variant-numeric: tabular-nums;
  }
  .soft {
    color: var(--soft);
  }
  .small {
    font-size: 0.8125rem;
  }
  .absent {
    color: var(--soft);
    border-inline-start: 2px solid var(--line);
    padding-inline-start: 0.75rem;
    max-inline-size: 60ch;
  }
  button {
    font: inherit;
    color: inherit;
    background: none;
    border: 1px solid var(--line);
    border-radius: 2px;
    padding: 0.25rem 0.625rem;
    min-block-size: 1.75rem;
    cursor: pointer;
  }
  button:hover {
    border-color: var(--accent);
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  table {
    border-collapse: collapse;
    inline-size: 100%;
  }
  caption {
    text-align: start;
    color: var(--soft);
    padding-block-end: 0.375rem;
    /* A table that is scrolled aside leaves its title where it is, whole. */
    position: sticky;
    inset-inline-start: 0;
    max-inline-size: 100cqi;
  }
  th {
    font-weight: 500;
    color: var(--soft);
    text-align: start;
  }
  th,
  td {
    padding: 0.25rem 0.625rem 0.25rem 0;
    border-block-end: 1px solid var(--line);
    vertical-align: baseline;
  }
  td.number,
  th.number {
    text-align: end;
    white-space: nowrap;
  }
  .scroll {
    overflow-x: auto;
    container-type: inline-size;
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      transition: none;
      animation: none;
    }
  }
`;
