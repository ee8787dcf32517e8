import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Classification } from '../protocol/request.ts';
import { countText, natsText, percentText, probabilityText } from './format.ts';
import { theme } from './theme.ts';
import { vars } from './vars.ts';

/** A classifier's answer: every class with its probability, and whether that was calibrated. */
export class SondeClasses extends LitElement {
  static override properties = {
    answer: { attribute: false },
    temperature: { type: Number },
  };
  static override styles = [
    theme,
    css`
      .verdict {
        font-size: 1.5rem;
        line-height: 1.2;
        margin-block-end: 0.75rem;
      }
      .verdict .number {
        font-size: 1.25rem;
      }
      dl {
        display: grid;
        grid-template-columns: max-content minmax(4rem, 24rem) max-content;
        gap: 0.375rem 0.75rem;
        align-items: center;
      }
      .bar {
        block-size: 0.75rem;
        background:
          linear-gradient(var(--accent), var(--accent)) no-repeat 0 0 / calc(var(--share) * 100%) 100%,
          color-mix(in oklab, var(--ink) 10%, transparent);
      }
      p.soft {
        margin-block-start: 0.75rem;
        max-inline-size: 60ch;
      }
    `,
  ];

  declare answer:
    | Pick<Classification, 'label' | 'confidence' | 'entropy' | 'margin' | 'classes' | 'calibrated'>
    | undefined;
  /** What the logits were divided by; absent = as the model gives them. */
  declare temperature: number | undefined;

  override render(): TemplateResult {
    const { answer } = this;
    if (answer === undefined) return html`<p class="absent">Nothing was classified yet.</p>`;
    return html`<p class="verdict">
        ${answer.label} <span class="number soft">${probabilityText(answer.confidence)}</span>
      </p>
      <dl>
        ${answer.classes.map(
          (chance) => html`<dt>${chance.label}</dt>
            <dd class="bar" ${vars({ '--share': chance.probability })}></dd>
            <dd class="number">${probabilityText(chance.probability)}</dd>`,
        )}
      </dl>
      <p class="soft">
        Entropy ${natsText(answer.entropy)}, margin ${probabilityText(answer.margin)}.
        ${
          this.temperature === undefined
            ? 'The confidence is the model’s own, uncalibrated.'
            : `Calibrated: logits were divided by the temperature ${this.temperature.toFixed(3)} of the model's card.`
        }
      </p>
      ${answer.calibrated === undefined ? nothing : calibratedText(answer.calibrated)}`;
  }
}

const calibratedText = ({
  confidence,
  lower,
  upper,
  set,
  coverage,
  n,
}: NonNullable<Classification['calibrated']>): TemplateResult =>
  html`<p>
    By your ${countText(n)} labelled texts, an answer this sure is right with chance ${probabilityText(confidence)}
    (${probabilityText(lower)} to ${probabilityText(upper)}); the
    set that holds the true class in ${percentText(coverage)} of texts is ${set.length === 0 ? 'empty' : set.join(', ')}.
  </p>`;
