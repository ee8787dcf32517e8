import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Replay } from '../protocol/replay.ts';
import { emit } from './events.ts';
import { fileButton } from './file-button.ts';
import { panelStyle } from './panel-style.ts';
import { theme } from './theme.ts';

/** Where a replay is: what was loaded, what it found, or why it could not be made. */
export type ReplayStage =
  | { readonly kind: 'running'; readonly file: string }
  | { readonly kind: 'done'; readonly file: string; readonly replay: Replay }
  | { readonly kind: 'refused'; readonly file: string; readonly why: string };

/** Saves the request of a reading, and makes a saved one again. */
export class SondeReplay extends LitElement {
  static override properties = { savable: { type: Boolean }, stage: { attribute: false } };
  static override styles = [
    theme,
    panelStyle,
    css`
      .same {
        color: var(--good);
      }
      .differs {
        color: var(--fault);
      }
      td {
        overflow-wrap: anywhere;
      }
    `,
  ];

  /** There is a request to save. */
  declare savable: boolean;
  declare stage: ReplayStage | undefined;

  constructor() {
    super();
    this.savable = false;
  }

  override render(): TemplateResult {
    return html`<h3>Replay</h3>
      <div class="row">
        <button type="button" ?disabled=${!this.savable} @click=${() => emit(this, 'sonde-save', undefined)}>
          Save this request
        </button>
        ${fileButton({
          words: 'Load a request and replay it',
          name: 'Saved request',
          accept: '.json,application/json',
          isDisabled: this.stage?.kind === 'running',
          take: (file) => emit(this, 'sonde-replay', file),
        })}
      </div>
      <div role="status">${this.#said()}</div>`;
  }

  #said(): TemplateResult {
    const { stage } = this;
    switch (stage?.kind) {
      case undefined:
        return html`<p class="soft small">
          The file holds the text and stays on your disk; <code>npx sonde replay request.json</code> reads it too.
        </p>`;
      case 'running':
        return html`<p class="soft">Replaying ${stage.file}.</p>`;
      case 'refused':
        return html`<p class="differs">${stage.file}: ${stage.why}</p>`;
      case 'done':
        return html`<p class=${stage.replay.reproduced ? 'same' : 'differs'}>${stage.replay.sentence}</p>
          ${findings(stage.replay)}`;
    }
  }
}

const findings = ({ findings: found }: Replay): TemplateResult =>
  found.length === 0
    ? html`${nothing}`
    : html`<div class="scroll" role="region" aria-label="What was held against the saved request" tabindex="0">
        <table>
          <thead>
            <tr>
              <th scope="col">what</th>
              <th scope="col">verdict</th>
              <th scope="col">why</th>
            </tr>
          </thead>
          <tbody>
            ${found.map(
              ({ of, verdict, why }) =>
                html`<tr>
                  <th scope="row">${of}</th>
                  <td class=${verdict === 'same' ? 'same' : verdict === 'differs' ? 'differs' : 'soft'}>${verdict}</td>
                  <td>${why}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`;
