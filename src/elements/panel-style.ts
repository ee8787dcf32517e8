import { css } from 'lit';

/** Of a part of a plate that does something: a heading of its own, a row of buttons, a bar while it works. */
export const panelStyle = css`
  h3 {
    margin: 1.5rem 0 0.5rem;
    font-size: 0.875rem;
    font-weight: 600;
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    gap: 0.5rem;
    margin-block: 0.75rem;
  }
  button:disabled {
    color: var(--soft);
    cursor: default;
  }
  input[type='file'] {
    display: none;
  }
  progress {
    inline-size: min(20rem, 100%);
    accent-color: var(--accent);
    vertical-align: middle;
  }
`;
