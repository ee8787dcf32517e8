import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { ModelInfo } from '../protocol/model.ts';
import type { ModelProof } from '../protocol/proof.ts';
import type { Hook, HookProof } from '../shared/hook.ts';
import type { ProofProgress } from '../shared/proof.ts';
import {
  architectureTree,
  hooksOf,
  openAtFirst,
  type TreePart,
  type TreeRow,
  visibleRows,
} from './architecture-tree.ts';
import { emit } from './events.ts';
import { countText, durationText } from './format.ts';
import { sourceWords } from './hook-words.ts';
import { notHeld } from './proof-list.ts';
import { theme } from './theme.ts';
import { proofStyle, treeStyle } from './tree-style.ts';
import { vars } from './vars.ts';

export type ArchitectureModel = Pick<
  ModelInfo,
  'id' | 'architecture' | 'kind' | 'layers' | 'heads' | 'dModel' | 'hooks'
>;

/** The recognised parts of a model as a tree, each hook with how it is had, and after a proof with its verdict. */
export class SondeArchitecture extends LitElement {
  static override properties = {
    model: { attribute: false },
    proof: { attribute: false },
    progress: { attribute: false },
    open: { state: true },
    chosen: { state: true },
    touched: { state: true },
  };
  static override styles = [theme, proofStyle, treeStyle];

  declare model: ArchitectureModel | undefined;
  declare proof: ModelProof | undefined;
  /** Present while a proof goes on. */
  declare progress: ProofProgress | undefined;
  declare open: ReadonlySet<string>;
  /** Path of the part that the cursor is on. */
  declare chosen: string;
  /** Somebody walks the tree: where there is little room, the details come along. */
  declare touched: boolean;
  #tree: readonly TreePart[] = [];

  constructor() {
    super();
    this.open = new Set();
    this.chosen = '';
    this.touched = false;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('model')) return;
    this.#tree = architectureTree(this.model?.hooks ?? []);
    this.open = openAtFirst(this.#tree);
    this.chosen = this.#tree[0]?.path ?? '';
  }

  override render(): TemplateResult {
    const { model } = this;
    if (model === undefined)
      return html`<p class="absent">No model is loaded. Run one, or choose your own, to see how it is built.</p>`;
    const rows = visibleRows(this.#tree, this.open);
    const chosen = rows.find(({ part }) => part.path === this.chosen)?.part;
    return html`${this.#facts(model)}
      ${
        this.#tree.length === 0
          ? html`<p class="absent">
            No attention was found in this graph, so there are no parts to name. Every tensor of it can still be
            captured by its own name, as <code>raw:name</code>; the raw graph lists them.
          </p>`
          : html`${this.#bar()}
            <div class="views">
              <div class="tree" role="tree" aria-label="Parts of ${model.id}" @keydown=${this.#onKey}>
                ${rows.map((row) => this.#row(row))}
              </div>
              <sonde-hook-detail
                class=${this.touched ? 'touched' : ''}
                .of=${chosen}
                .proof=${this.proof}
              ></sonde-hook-detail>
            </div>`
      }`;
  }

  #facts({ architecture, kind, layers, heads, dModel, hooks }: ArchitectureModel): TemplateResult {
    const facts: readonly (readonly [string, string])[] = [
      ['class', architecture],
      ['kind', kind === 'unknown' ? 'no attention found' : kind],
      ...(kind === 'unknown'
        ? []
        : ([
            ['layers', countText(layers)],
            ['heads', countText(heads)],
            ['width', countText(dModel)],
            ['hooks', countText(hooks.length)],
          ] as const)),
    ];
    return html`<dl class="facts">
      ${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>`;
  }

  #bar(): TemplateResult {
    const { progress, proof } = this;
    if (progress !== undefined)
      return html`<div class="bar">
        <button type="button" @click=${() => emit(this, 'sonde-prove', 'stop')}>Stop proving</button>
        <progress
          aria-label="Proof"
          max=${progress.hooks + progress.identities}
          value=${progress.captured + progress.judged}
        ></progress>
        <span class="number soft" role="status">
          ${countText(progress.captured)} of ${countText(progress.hooks)} hooks read, ${countText(progress.judged)} of
          ${countText(progress.identities)} identities judged
        </span>
      </div>`;
    return html`<div class="bar">
      <button type="button" class="prove" @click=${() => emit(this, 'sonde-prove', 'start')}>
        ${proof === undefined ? 'Prove' : 'Prove again'}
      </button>
      ${
        proof === undefined
          ? html`<span class="soft">
            Runs the model over made-up inputs and holds every hook against identities that any transformer fulfils.
          </span>`
          : this.#verdict(proof)
      }
    </div>`;
  }

  #verdict(proof: ModelProof): TemplateResult {
    const outcomes = proof.verdicts.map(({ outcome }) => outcome.kind);
    const count = (kind: string): number => outcomes.filter((each) => each === kind).length;
    const fails = count('fails');
    const tally = tallyOf(this.model?.hooks ?? [], proof);
    return html`<span role="status">
      <span class="summary">
        ${(['proved', 'inferred', 'unavailable'] as const).map(
          (word) => html`<span class="count ${word}"><b>${countText(tally[word])}</b> ${word}</span> `,
        )}
      </span>
      <span class="soft">
        ${countText(count('holds'))} identities hold,
        <span class=${fails > 0 ? 'fails' : ''}>${countText(fails)} fail</span>, ${countText(count('skipped'))} skipped;
        ${proof.device === 'webgpu' ? 'WebGPU' : 'WASM'} ${proof.dtype}, ${durationText(proof.elapsed)}
      </span>
    </span>
    ${notHeld(proof)}`;
  }

  #row({ part, level, position, siblings }: TreeRow): TemplateResult {
    const isChosen = part.path === this.chosen;
    const isOpen = this.open.has(part.path);
    const isBranch = part.parts.length > 0;
    return html`<div
      class="row ${isBranch ? 'branch' : 'leaf'}"
      role="treeitem"
      data-path=${part.path}
      aria-level=${level}
      aria-posinset=${position}
      aria-setsize=${siblings}
      aria-expanded=${isBranch ? isOpen : nothing}
      aria-selected=${isChosen}
      tabindex=${isChosen ? 0 : -1}
      ${vars({ '--level': level - 1 })}
      @click=${() => this.#onClick(part)}
    >
      ${part.hook === undefined ? this.#branch(part, isOpen) : this.#leaf(part.hook, part.label)}
    </div>`;
  }

  #branch(part: TreePart, isOpen: boolean): TemplateResult {
    const hooks = hooksOf(part);
    const short = this.proof === undefined ? undefined : tallyOf(hooks, this.proof);
    return html`<span class="twist" aria-hidden="true">${isOpen ? '▾' : '▸'}</span>
      <span class="name">${part.label}</span>
      <span class="soft small counts">
        ${
          short === undefined
            ? `${countText(hooks.length)} ${hooks.length === 1 ? 'hook' : 'hooks'}`
            : html`${(['proved', 'inferred', 'unavailable'] as const)
                .filter((word) => short[word] > 0)
                .map((word) => html`<span class="count ${word}">${countText(short[word])} ${word}</span>`)}`
        }
      </span>`;
  }

  #leaf(hook: Hook, label: string): TemplateResult {
    const { how, full } = sourceWords(hook);
    const proof = this.proof?.hooks[hook.name];
    return html`<span class="mark ${how}" aria-hidden="true"></span>
      <span class="name hook">${label}</span>
      <span class="source"><span class="how ${how}">${how}</span> <span class="full ${how}"><bdi>${full}</bdi></span></span>
      ${proof === undefined ? nothing : html`<span class="badge ${proof}">${proof}</span>`}`;
  }

  #onClick(part: TreePart): void {
    if (part.parts.length > 0) this.#toggle(part.path, !this.open.has(part.path));
    this.#choose(part.path);
  }

  #toggle(path: string, open: boolean): void {
    const next = new Set(this.open);
    if (open) next.add(path);
    else next.delete(path);
    this.open = next;
  }

  #choose(path: string): void {
    this.touched = true;
    this.chosen = path;
    void this.updateComplete.then(() => {
      const row = this.renderRoot.querySelector<HTMLElement>('[aria-selected="true"]');
      row?.focus();
    });
  }

  /** ARIA tree pattern. */
  readonly #onKey = (event: KeyboardEvent): void => {
    const rows = visibleRows(this.#tree, this.open);
    const at = rows.findIndex(({ part }) => part.path === this.chosen);
    const row = rows[at];
    if (row === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const { part, parent } = row;
    const isOpen = this.open.has(part.path);
    const goTo = (to: TreeRow | undefined): void => {
      if (to !== undefined) this.#choose(to.part.path);
    };
    switch (event.key) {
      case 'ArrowDown':
        goTo(rows[at + 1]);
        break;
      case 'ArrowUp':
        goTo(rows[at - 1]);
        break;
      case 'Home':
        goTo(rows[0]);
        break;
      case 'End':
        goTo(rows.at(-1));
        break;
      case 'ArrowRight':
        if (part.parts.length > 0 && !isOpen) this.#toggle(part.path, true);
        else if (isOpen) goTo(rows[at + 1]);
        break;
      case 'ArrowLeft':
        if (isOpen) this.#toggle(part.path, false);
        else if (parent !== undefined) this.#choose(parent.path);
        break;
      case 'Enter':
      case ' ':
        if (part.parts.length > 0) this.#toggle(part.path, !isOpen);
        break;
      case '*':
        this.open = new Set([
          ...this.open,
          ...(parent?.parts ?? this.#tree).filter(({ parts }) => parts.length > 0).map(({ path }) => path),
        ]);
        break;
      default: {
        if (event.key.length !== 1) return;
        const letter = event.key.toLowerCase();
        const after = [...rows.slice(at + 1), ...rows.slice(0, at)];
        goTo(after.find((each) => each.part.label.replace('hook_', '').startsWith(letter)));
      }
    }
    event.preventDefault();
  };
}

function tallyOf(hooks: readonly Hook[], proof: ModelProof): Readonly<Record<HookProof, number>> {
  const tally = { proved: 0, inferred: 0, unavailable: 0 };
  for (const { name } of hooks) tally[proof.hooks[name] ?? 'unavailable']++;
  return tally;
}
