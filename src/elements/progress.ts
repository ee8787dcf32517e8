import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { LoadProgress, LoadStage } from '../protocol/model.ts';
import { bytesText, durationText } from './format.ts';
import { theme } from './theme.ts';

const stageText: Readonly<Record<LoadStage, string>> = {
  fetch: 'Fetching the model',
  instrument: 'Adding taps to the graph',
  session: 'Creating the session',
  probe: 'Probing the device with one forward',
  compare: 'Comparing the device with WASM',
};

/** How far loading is, in bytes of bytes; a bar without an end where the server has not said one. */
export class SondeProgress extends LitElement {
  static override properties = { progress: { attribute: false } };
  static override styles = [
    theme,
    css`
      progress {
        inline-size: 100%;
        block-size: 0.375rem;
        accent-color: var(--accent);
        display: block;
      }
      p {
        display: flex;
        justify-content: space-between;
        flex-wrap: wrap;
        column-gap: 0.75rem;
        font-size: 0.8125rem;
      }
    `,
  ];

  declare progress: LoadProgress | undefined;

  override render(): TemplateResult {
    const { progress } = this;
    if (progress === undefined) return html`${nothing}`;
    const known = progress.stage === 'fetch' && progress.total !== undefined;
    const bytes = `${bytesText(progress.loaded)}${progress.total === undefined ? '' : ` of ${bytesText(progress.total)}`}`;
    return html`<progress
        aria-label=${stageText[progress.stage]}
        max=${progress.total ?? 1}
        value=${known ? progress.loaded : nothing}
      ></progress>
      <p>
        <span>${stageText[progress.stage]}${progress.cached ? ', from this browser’s cache' : ''}</span>
        <span class="number soft">${bytes}, ${durationText(progress.elapsed)}</span>
      </p>`;
  }
}
