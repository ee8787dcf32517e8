import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { RawGraph } from '../shared/graph.ts';
import { emit } from './events.ts';
import { countText } from './format.ts';
import { type GraphMap, mapGraph, type PlacedNode, search } from './graph-index.ts';
import { theme } from './theme.ts';

/** The raw graphs of a model: all nodes at a glance, a list to search and walk, and one node among its neighbours. */
export class SondeGraph extends LitElement {
  static override properties = {
    graphs: { attribute: false },
    place: { attribute: false },
    at: { state: true },
    chosen: { state: true },
    query: { state: true },
  };
  static override styles = [
    theme,
    css`
      :host {
        container-type: inline-size;
      }
      .head {
        display: flex;
        flex-wrap: wrap;
        gap: 0.5rem 1rem;
        align-items: center;
        margin-block-end: 0.625rem;
      }
      .files {
        display: flex;
        flex-wrap: wrap;
        gap: 0.25rem;
      }
      .files button[aria-pressed='true'] {
        background: var(--ink);
        border-color: var(--ink);
        color: var(--paper);
      }
      label {
        display: flex;
        gap: 0.5rem;
        align-items: center;
        flex: 1 1 14rem;
      }
      input {
        font: inherit;
        color: inherit;
        background: var(--surface);
        border: 1px solid var(--soft);
        border-radius: 2px;
        min-block-size: 1.875rem;
        padding-inline: 0.5rem;
        flex: 1;
        min-inline-size: 0;
      }
      .views {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 0.75rem 1.75rem;
        margin-block-start: 0.75rem;
      }
      @container (min-width: 46rem) {
        .views {
          grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
        }
      }
    `,
  ];

  declare graphs: readonly RawGraph[] | undefined;
  /** A tensor to show: in whichever graph it is made. */
  declare place: { readonly tensor: string; readonly hook: string } | undefined;
  declare at: number;
  declare chosen: number | undefined;
  declare query: string;
  #maps: readonly GraphMap[] = [];
  #found: readonly PlacedNode[] = [];
  #foundSet: ReadonlySet<number> | undefined;

  constructor() {
    super();
    this.at = 0;
    this.query = '';
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('graphs')) {
      this.#maps = (this.graphs ?? []).map(mapGraph);
      this.at = 0;
      this.query = '';
      this.chosen = 0;
    }
    if (this.place !== undefined && (changed.has('place') || changed.has('graphs'))) this.#show(this.place);
    if (changed.has('graphs') || changed.has('query') || changed.has('at')) {
      const map = this.#maps[this.at];
      this.#found = map === undefined ? [] : search(map, this.query);
      this.#foundSet = this.query.trim() === '' ? undefined : new Set(this.#found.map(({ index }) => index));
    }
  }

  /** The encoder's hooks are in the encoder's graph, even where both graphs have a tensor of that name. */
  #show({ tensor, hook }: { readonly tensor: string; readonly hook: string }): void {
    const order = this.#maps.map((map, at) => ({ map, at }));
    if (hook.startsWith('decoder.')) order.reverse();
    for (const { map, at } of order) {
      const index = map.node(tensor);
      if (index === undefined) continue;
      this.at = at;
      this.chosen = index;
      this.query = '';
      return;
    }
  }

  override render(): TemplateResult {
    const map = this.#maps[this.at];
    if (map === undefined)
      return html`<button type="button" @click=${() => emit(this, 'sonde-graph', undefined)}>
        Show the raw graph
      </button>`;
    const count = countText(map.nodes.length);
    const found =
      this.#foundSet === undefined ? `${count} nodes` : `${countText(this.#found.length)} of ${count} nodes`;
    return html`<div class="head">
        ${this.#maps.length < 2 ? nothing : this.#files()}
        <label
          >Search
          <input
            type="search"
            spellcheck="false"
            placeholder="operator, name or tensor"
            .value=${this.query}
            @input=${(event: Event) => {
              this.query = (event.target as HTMLInputElement).value;
            }}
        /></label>
        <span class="soft small number" role="status">${found}, ${countText(map.layers)} layers</span>
      </div>
      <sonde-graph-overview .map=${map} .chosen=${this.chosen} .found=${this.#foundSet} @sonde-choose=${this.#onChoose}>
      </sonde-graph-overview>
      <div class="views">
        <sonde-graph-list .nodes=${this.#found} .chosen=${this.chosen} @sonde-choose=${this.#onChoose}></sonde-graph-list>
        <sonde-graph-neighbours .map=${map} .chosen=${this.chosen} @sonde-choose=${this.#onChoose}>
        </sonde-graph-neighbours>
      </div>`;
  }

  #files(): TemplateResult {
    return html`<div class="files" role="group" aria-label="Graph">
      ${this.#maps.map(
        ({ graph }, at) =>
          html`<button
            type="button"
            aria-pressed=${at === this.at}
            @click=${() => {
              this.at = at;
              this.chosen = 0;
              this.query = '';
            }}
          >
            ${graph.file}
          </button>`,
      )}
    </div>`;
  }

  readonly #onChoose = ({ detail }: CustomEvent<number>): void => {
    this.chosen = detail;
  };
}
