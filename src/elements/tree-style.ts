import { css } from 'lit';

/** How the tree of parts looks; the words of a proof have one colour wherever they stand. */
export const proofStyle = css`
  .badge,
  .count {
    display: inline-flex;
    align-items: baseline;
    gap: 0.3125rem;
    white-space: nowrap;
    --mark: var(--soft);
  }
  .badge {
    font-size: 0.75rem;
  }
  .badge::before,
  .count::before {
    content: '';
    box-sizing: border-box;
    inline-size: 0.5rem;
    block-size: 0.5rem;
    background: var(--mark);
  }
  .proved {
    --mark: var(--good);
  }
  .inferred {
    --mark: var(--doubt);
  }
  .badge.unavailable::before,
  .count.unavailable::before {
    background: none;
    border: 1px dashed var(--soft);
  }
  .fails {
    color: var(--fault);
    font-weight: 600;
  }
`;

export const treeStyle = css`
  :host {
    container-type: inline-size;
  }
  .facts {
    display: flex;
    flex-wrap: wrap;
    gap: 0.25rem 1.75rem;
    margin: 0 0 0.875rem;
  }
  .facts dt {
    color: var(--soft);
    font-size: 0.8125rem;
  }
  .facts dd {
    margin: 0;
    font-variant-numeric: tabular-nums;
    overflow-wrap: anywhere;
  }
  .bar {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.5rem 0.875rem;
    padding-block: 0.5rem;
    border-block: 1px solid var(--line);
    font-size: 0.8125rem;
  }
  .bar .soft {
    flex: 1 1 16rem;
  }
  .bar progress {
    flex: 1 1 8rem;
    block-size: 0.375rem;
    accent-color: var(--accent);
  }
  .not-held {
    flex: 1 1 100%;
  }
  .not-held summary {
    cursor: pointer;
    color: var(--accent);
    inline-size: fit-content;
    min-block-size: 1.5rem;
  }
  .not-held ul {
    margin: 0;
    padding: 0;
    list-style: none;
    overflow-wrap: anywhere;
  }
  .skipped {
    color: var(--soft);
    font-weight: 600;
  }
  .summary {
    display: flex;
    flex-wrap: wrap;
    gap: 0 1rem;
  }
  .views {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 1rem 1.75rem;
    margin-block-start: 0.5rem;
  }
  .row {
    display: grid;
    grid-template-columns: 1.125rem minmax(0, calc(12.25rem - var(--level) * 1.125rem)) minmax(0, 1fr) 5.25rem;
    align-items: center;
    column-gap: 0.375rem;
    min-block-size: 1.625rem;
    padding-inline: calc(0.25rem + var(--level) * 1.125rem) 0.25rem;
    cursor: pointer;
    border-radius: 2px;
    /* One line for each level above, so that a part can be followed down to its hooks. */
    background-image: repeating-linear-gradient(90deg, var(--line) 0 1px, transparent 1px 1.125rem);
    background-size: calc(var(--level) * 1.125rem) 100%;
    background-position: 0.75rem 0;
    background-repeat: no-repeat;
  }
  .row:hover {
    background-color: color-mix(in oklab, var(--ink) 5%, transparent);
  }
  .row[aria-selected='true'] {
    background-color: color-mix(in oklab, var(--accent) 14%, transparent);
  }
  .twist {
    text-align: center;
    color: var(--soft);
    line-height: 1;
  }
  .row.branch {
    grid-template-columns: 1.125rem auto minmax(0, 1fr);
  }
  .branch .name {
    font-weight: 600;
    white-space: nowrap;
  }
  .counts {
    display: flex;
    flex-wrap: wrap;
    justify-content: flex-start;
    gap: 0 0.75rem;
    padding-inline-start: 0.375rem;
  }
  .mark {
    justify-self: center;
    inline-size: 0.5rem;
    block-size: 0.5rem;
    border-radius: 50%;
    border: 1.5px solid var(--accent);
    background: var(--paper);
  }
  .mark.tap {
    background: var(--accent);
  }
  .mark.unavailable {
    border: 1.5px dashed var(--soft);
  }
  .hook {
    font-family: var(--mono);
    font-size: 0.8125rem;
    white-space: nowrap;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  .source {
    display: flex;
    gap: 0.375rem;
    min-inline-size: 0;
    font-size: 0.75rem;
    color: var(--soft);
  }
  .full {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  /* The filled dot says it; only who does not see it needs the word. */
  .how.tap {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
  }
  /* A path tells most at its end, so it is cut at its start. */
  .full.tap {
    direction: rtl;
    text-align: left;
  }
  @container (min-width: 46rem) {
    .views {
      grid-template-columns: minmax(0, 3fr) minmax(0, 2fr);
    }
    sonde-hook-detail {
      position: sticky;
      inset-block-start: 1rem;
      align-self: start;
    }
  }
  @container (max-width: 30rem) {
    .row {
      --step: 0.75rem;
      min-block-size: 1.875rem;
    }
    .row {
      grid-template-columns: 1.125rem minmax(0, 1fr) auto 5.25rem;
    }
    .full {
      display: none;
    }
    sonde-hook-detail.touched {
      position: sticky;
      inset-block-end: 0;
      max-block-size: 45vh;
      overflow-y: auto;
      padding-block: 0.5rem;
      background: var(--paper);
      border-block-start: 2px solid var(--accent);
    }
  }
`;
