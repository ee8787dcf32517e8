import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { emit } from './events.ts';
import { familyOf, type PlacedNode } from './graph-index.ts';
import { familyStyle } from './graph-style.ts';
import { middleCut } from './hook-words.ts';
import { onResize } from './resize.ts';
import { theme } from './theme.ts';
import { vars } from './vars.ts';

/** Pixels of a line; all are equal, so that only those in sight need to exist. */
const line = 28;
const spare = 8;
/** Pixels of one character of a title. */
const characterWidth = 7.3;

/** Nodes as a long list of which only what is in sight is drawn. Arrow keys walk; a choice is told as `sonde-choose`. */
export class SondeGraphList extends LitElement {
  static override properties = {
    nodes: { attribute: false },
    chosen: { type: Number },
    from: { state: true },
    visible: { state: true },
    room: { state: true },
  };
  static override styles = [
    theme,
    familyStyle,
    css`
      :host {
        --columns: 2.25rem 0.5rem 9rem minmax(0, 1fr);
      }
      @container (max-width: 28rem) {
        :host {
          --columns: 2.25rem 0.5rem 6rem minmax(0, 1fr);
        }
      }
      .box {
        block-size: min(31rem, 60vh);
        overflow: auto;
        border: 1px solid var(--line);
        background: var(--surface);
        position: relative;
      }
      .head {
        display: grid;
        grid-template-columns: var(--columns);
        column-gap: 0.5rem;
        padding-inline: calc(0.375rem + 1px);
        font-size: 0.75rem;
        color: var(--soft);
      }
      .all {
        position: relative;
        block-size: calc(var(--count) * 28px);
      }
      .node {
        position: absolute;
        inset-inline: 0;
        inset-block-start: calc(var(--at) * 28px);
        block-size: 28px;
        display: grid;
        grid-template-columns: var(--columns);
        column-gap: 0.5rem;
        align-items: center;
        padding-inline: 0.375rem;
        cursor: pointer;
        white-space: nowrap;
        font-size: 0.8125rem;
      }
      .node:hover {
        background: color-mix(in oklab, var(--ink) 5%, transparent);
      }
      .node[aria-selected='true'] {
        background: color-mix(in oklab, var(--accent) 16%, transparent);
      }
      .layer {
        text-align: end;
        color: var(--soft);
        font-variant-numeric: tabular-nums;
      }
      .op,
      .title {
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .op {
        font-weight: 600;
      }
      .title {
        font-family: var(--mono);
        font-size: 0.75rem;
        color: var(--soft);
      }
    `,
  ];

  declare nodes: readonly PlacedNode[];
  /** Index of the chosen node in the graph, not in this list. */
  declare chosen: number | undefined;
  declare from: number;
  declare visible: number;
  /** Characters of a title that fit. */
  declare room: number;

  constructor() {
    super();
    onResize(this, () => this.#measure());
    this.nodes = [];
    this.from = 0;
    this.visible = 12;
    this.room = 32;
  }

  override render(): TemplateResult {
    const first = Math.max(0, this.from - spare);
    const shown = this.nodes.slice(first, this.from + this.visible + spare);
    const isShown = shown.some(({ index }) => index === this.chosen);
    return html`<div class="head" aria-hidden="true">
        <span class="layer">layer</span><span></span><span>operator</span><span>name</span>
      </div>
      <div
      class="box"
      role="listbox"
      aria-label="Nodes of the graph"
      aria-activedescendant=${isShown ? `node-${this.chosen}` : nothing}
      tabindex="0"
      @scroll=${this.#measure}
      @keydown=${this.#onKey}
    >
      <div class="all" role="presentation" ${vars({ '--count': this.nodes.length })}>
        ${repeat(
          shown,
          ({ index }) => index,
          (placed, at) => this.#line(placed, first + at),
        )}
      </div>
    </div>`;
  }

  #line({ index, node, layer, title }: PlacedNode, at: number): TemplateResult {
    return html`<div
      class="node"
      role="option"
      id="node-${index}"
      aria-selected=${index === this.chosen}
      aria-posinset=${at + 1}
      aria-setsize=${this.nodes.length}
      title=${title}
      ${vars({ '--at': at })}
      @click=${() => emit(this, 'sonde-choose', index)}
    >
      <span class="layer">${layer}</span><i class="dot ${familyOf(node.op)}"></i><span class="op">${node.op}</span>
      <span class="title">${middleCut(title, this.room)}</span>
    </div>`;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('chosen') || changed.has('nodes')) this.#reveal();
  }

  get #box(): HTMLElement | null {
    return this.renderRoot.querySelector('.box');
  }

  readonly #measure = (): void => {
    const box = this.#box;
    if (box === null) return;
    this.from = Math.floor(box.scrollTop / line);
    this.visible = Math.ceil(box.clientHeight / line);
    const title = this.renderRoot.querySelector('.title')?.clientWidth ?? 0;
    this.room = Math.max(12, Math.floor(title / characterWidth));
  };

  /** Brings the chosen node into sight, and moves nothing where it is there already. */
  #reveal(): void {
    const box = this.#box;
    const at = this.nodes.findIndex(({ index }) => index === this.chosen);
    if (box === null || at < 0) return;
    const top = at * line;
    const isAbove = top < box.scrollTop;
    if (isAbove || top + line > box.scrollTop + box.clientHeight)
      box.scrollTop = isAbove ? top - line : top - box.clientHeight + 2 * line;
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    const at = this.nodes.findIndex(({ index }) => index === this.chosen);
    const page = Math.max(1, this.visible - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.nodes.length,
      End: this.nodes.length,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const to = this.nodes[Math.min(this.nodes.length - 1, Math.max(0, at + step))];
    if (to !== undefined) emit(this, 'sonde-choose', to.index);
  };
}
