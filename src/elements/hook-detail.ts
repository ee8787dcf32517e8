import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { ModelProof } from '../protocol/proof.ts';
import type { Hook } from '../shared/hook.ts';
import type { Verdict } from '../shared/proof.ts';
import { hooksOf, type TreePart } from './architecture-tree.ts';
import { emit } from './events.ts';
import { countText } from './format.ts';
import { dimsText, proofWords, sourceWords, tensorsOf } from './hook-words.ts';
import { theme } from './theme.ts';
import { proofStyle } from './tree-style.ts';

/** One hook in full: its name, its shape, where its value comes from, and what the proof said of it. */
export class SondeHookDetail extends LitElement {
  static override properties = {
    of: { attribute: false },
    proof: { attribute: false },
  };
  static override styles = [
    theme,
    proofStyle,
    css`
      h3 {
        margin: 0 0 0.375rem;
        font-family: var(--mono);
        font-size: 0.875rem;
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      dl {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        border-block-start: 1px solid var(--line);
        margin: 0;
        font-size: 0.8125rem;
      }
      dt,
      dd {
        margin: 0;
        padding-block: 0.25rem;
        border-block-end: 1px solid var(--line);
      }
      dt {
        color: var(--soft);
        padding-inline-end: 0.875rem;
      }
      dd {
        overflow-wrap: anywhere;
      }
      code {
        font-family: var(--mono);
        font-size: 0.8125rem;
      }
      li {
        list-style: none;
      }
      ul {
        margin: 0;
        padding: 0;
        display: grid;
        gap: 0.375rem;
      }
      .tensor {
        display: flex;
        flex-wrap: wrap;
        gap: 0.125rem 0.75rem;
        align-items: baseline;
        justify-content: space-between;
      }
      .outcome {
        font-weight: 600;
      }
      .outcome.holds {
        color: var(--good);
      }
      .outcome.fails {
        color: var(--fault);
      }
      .outcome.skipped {
        color: var(--soft);
      }
    `,
  ];

  declare of: TreePart | undefined;
  declare proof: ModelProof | undefined;

  override render(): TemplateResult {
    const { of: part } = this;
    if (part === undefined) return html`<p class="absent">Choose a part to read about it.</p>`;
    return part.hook === undefined ? this.#group(part) : this.#hook(part.hook);
  }

  #group(part: TreePart): TemplateResult {
    const hooks = hooksOf(part);
    const count = (kind: string): number => hooks.filter(({ source }) => source.kind === kind).length;
    return html`<h3>${part.path}</h3>
      <dl>
        <dt>tapped</dt>
        <dd>${countText(count('tap'))} <span class="soft">are tensors of the graph</span></dd>
        <dt>derived</dt>
        <dd>${countText(count('derived'))} <span class="soft">are computed by nodes that Sonde adds</span></dd>
        <dt>unavailable</dt>
        <dd>${countText(count('unavailable'))}</dd>
      </dl>`;
  }

  #hook(hook: Hook): TemplateResult {
    const proof = this.proof?.hooks[hook.name];
    const { how, full } = sourceWords(hook);
    const refused = this.proof?.refused[hook.name];
    return html`<h3>${hook.name}</h3>
      <dl>
        <dt>shape</dt>
        <dd><code>${dimsText(hook.dims)}</code></dd>
        <dt>${how}</dt>
        <dd>${hook.source.kind === 'tap' ? this.#tensors(hook) : full}</dd>
        ${
          hook.source.kind === 'derived'
            ? html`<dt>from</dt>
              <dd>${this.#tensors(hook)}</dd>`
            : nothing
        }
        ${
          proof === undefined
            ? nothing
            : html`<dt>proof</dt>
              <dd><span class="badge ${proof}">${proof}</span> <span class="soft">${proofWords[proof]}</span></dd>`
        }
        ${
          refused === undefined
            ? nothing
            : html`<dt>refused</dt>
              <dd>${refused}</dd>`
        }
        ${proof === undefined ? nothing : this.#identities(hook.name)}
      </dl>`;
  }

  #tensors(hook: Hook): TemplateResult {
    return html`<ul>
      ${tensorsOf(hook).map(
        (tensor) =>
          html`<li class="tensor">
            <code>${tensor}</code>
            <button type="button" @click=${() => emit(this, 'sonde-node', { tensor, hook: hook.name })}>
              Show in the graph
            </button>
          </li>`,
      )}
    </ul>`;
  }

  #identities(name: string): TemplateResult {
    const verdicts = this.proof?.verdicts.filter(({ hooks }) => hooks.includes(name)) ?? [];
    return html`<dt>identities</dt>
      <dd>
        ${
          verdicts.length === 0
            ? html`<span class="soft">none applies</span>`
            : html`<ul>
              ${verdicts.map(
                (verdict) =>
                  html`<li>
                    <span class="outcome ${verdict.outcome.kind}">${verdict.outcome.kind}</span> ${verdict.claim}
                    <span class="soft">${outcomeText(verdict)}</span>
                  </li>`,
              )}
            </ul>`
        }
      </dd>`;
  }
}

/** How far apart the two sides were, or why nothing was compared. */
function outcomeText({ outcome, byConstruction }: Verdict): string {
  const why = outcome.kind === 'holds' ? outcome.note : outcome.why;
  const far =
    outcome.kind === 'skipped' || outcome.difference === undefined || outcome.tolerance === undefined
      ? undefined
      : `${outcome.difference.toExponential(1)} apart, ${outcome.tolerance.toExponential(1)} allowed`;
  return [far, why, byConstruction ? 'by construction' : undefined].filter(Boolean).join('; ');
}
