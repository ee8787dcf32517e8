import { css } from 'lit';

/** One colour for each family of operators, the same in list, overview and neighbourhood. */
export const familyStyle = css`
  :host {
    --attention: light-dark(#b3450b, #ff9d66);
    --product: light-dark(#0b5c78, #79c6dc);
    --norm: light-dark(#6a3fa0, #c3a4f0);
    --arithmetic: light-dark(#1d6b4f, #7fd1ae);
    --shape: light-dark(#b9c3c6, #4a5a61);
    --other: light-dark(#6f7f86, #8b9ca3);
  }
  .dot {
    inline-size: 0.5rem;
    block-size: 0.5rem;
    background: var(--other);
  }
  .dot.attention {
    background: var(--attention);
  }
  .dot.product {
    background: var(--product);
  }
  .dot.norm {
    background: var(--norm);
  }
  .dot.arithmetic {
    background: var(--arithmetic);
  }
  .dot.shape {
    background: var(--shape);
  }
`;
