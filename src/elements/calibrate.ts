import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { StoredCalibration } from '../protocol/model.ts';
import { emit } from './events.ts';
import { fileButton } from './file-button.ts';
import { countText, percentText, probabilityText } from './format.ts';
import { panelStyle } from './panel-style.ts';
import type { Reliability } from './reliability.ts';
import { theme } from './theme.ts';

/** Where a calibration of one's own is. */
export type CalibrateStage =
  | { readonly kind: 'running'; readonly file: string; readonly done: number; readonly total: number }
  | { readonly kind: 'judging'; readonly file: string }
  | {
      readonly kind: 'done';
      readonly file: string;
      readonly calibration: StoredCalibration;
      /** Undefined where the texts were too few to be judged. */
      readonly reliability: Reliability | undefined;
    }
  | { readonly kind: 'refused'; readonly file: string; readonly why: string }
  | { readonly kind: 'stopped' | 'forgotten' };

/** Calibrates a classifier on labelled texts of the reader's own, and takes it back. */
export class SondeCalibrate extends LitElement {
  static override properties = {
    model: { attribute: false },
    texts: { attribute: false },
    stage: { attribute: false },
  };
  static override styles = [
    theme,
    panelStyle,
    css`
      sonde-reliability {
        display: block;
        margin-block-start: 1rem;
      }
      .fault {
        color: var(--fault);
      }
    `,
  ];

  /** Name of the classifier that would be calibrated. */
  declare model: string;
  /** Texts that its kept calibration was fitted on; undefined where there is none. */
  declare texts: number | undefined;
  declare stage: CalibrateStage | undefined;

  override render(): TemplateResult {
    const isBusy = this.stage?.kind === 'running' || this.stage?.kind === 'judging';
    return html`<h3>Calibrate ${this.model} on your own texts</h3>
      <p class="small">
        A CSV file with the columns <code>text</code> and <code>label</code>, or JSON objects with these names; a label is
        a class of the model, such as <code>POSITIVE</code>. The texts stay in this page.
        ${
          this.texts === undefined
            ? nothing
            : html`<strong>In force: a calibration fitted on ${countText(this.texts)} texts.</strong>`
        }
      </p>
      <div class="row">
        ${fileButton({
          words: 'Choose labelled texts',
          name: 'Labelled texts',
          accept: '.csv,.json,.jsonl,.ndjson,text/csv,application/json',
          isDisabled: isBusy,
          take: (file) => emit(this, 'sonde-calibrate', { kind: 'fit', file }),
        })}
        ${
          isBusy
            ? html`<button type="button" @click=${() => emit(this, 'sonde-calibrate', { kind: 'stop' })}>Stop</button>`
            : nothing
        }
        ${
          this.texts === undefined || isBusy
            ? nothing
            : html`<button type="button" @click=${() => emit(this, 'sonde-calibrate', { kind: 'forget' })}>
                Forget this calibration
              </button>`
        }
      </div>
      <div role="status">${this.#said()}</div>
      ${
        this.stage?.kind === 'done' && this.stage.reliability !== undefined
          ? html`<sonde-reliability .reliability=${this.stage.reliability}></sonde-reliability>`
          : nothing
      }`;
  }

  #said(): TemplateResult {
    const { stage } = this;
    switch (stage?.kind) {
      case undefined:
        return html`${nothing}`;
      case 'running':
        return html`<p class="small soft">
          Reading ${stage.file}
          <progress aria-label="Texts read" max=${stage.total} .value=${stage.done}></progress>
          <span class="number">${countText(stage.done)} of ${countText(stage.total)}</span>
        </p>`;
      case 'judging':
        return html`<p class="small soft">Judging each text by what the others taught.</p>`;
      case 'refused':
        return html`<p class="fault">${stage.file}: ${stage.why}</p>`;
      case 'stopped':
        return html`<p class="small soft">Stopped; nothing was changed.</p>`;
      case 'forgotten':
        return html`<p class="small soft">Forgotten: the model’s own confidence counts again.</p>`;
      case 'done':
        return done(stage.calibration, stage.reliability !== undefined);
    }
  }
}

const done = (
  { n, temperature, conformal, stored }: StoredCalibration,
  isJudged: boolean,
): TemplateResult => html`<p>
  Fitted on ${countText(n)} texts: logits are divided by ${temperature.toFixed(3)}, and sets that promise
  ${percentText(conformal.coverage)} hold every class of at least ${probabilityText(conformal.threshold)}. Each
  classification now tells it beside the model’s own
  confidence${stored ? ', on later visits too' : '; this browser did not let it be kept, so it holds until the page is left'}.
  ${
    isJudged
      ? 'Below, each text is judged by a calibration fitted without it.'
      : 'These are too few texts to tell how good that is.'
  }
</p>`;
