import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { emit, type HeadPlace } from './events.ts';
import { type AttentionMaps, hasHead, headCount, headMap } from './maps.ts';
import { type Measure, paintMap } from './paint.ts';
import { rove } from './rove.ts';
import { SchemeController } from './scheme.ts';
import { theme } from './theme.ts';
import { vars } from './vars.ts';

/** Pixels a thumbnail has at most on a side; larger maps show the largest value of each block. */
const thumbnail = 96;
/** Main-thread time spent painting before the page gets a turn. */
const slice = 8;

/** Every head of every layer as a small map: rows are layers, columns are heads. */
export class SondeAttentionOverview extends LitElement {
  static override properties = {
    maps: { attribute: false },
    labels: { attribute: false },
    causal: { type: Boolean },
    measure: { type: String },
    layer: { type: Number },
    head: { type: Number },
  };
  static override styles = [
    theme,
    css`
      .grid {
        display: grid;
        grid-template-columns: 1.25rem repeat(var(--heads), minmax(0, 1fr));
        gap: 0.25rem;
      }
      [role='row'] {
        display: contents;
      }
      [role='columnheader'],
      [role='rowheader'] {
        color: var(--soft);
        font-size: 0.75rem;
        font-variant-numeric: tabular-nums;
        text-align: center;
      }
      [role='rowheader'] {
        align-self: start;
        margin-block-start: 0.25rem;
      }
      [role='gridcell'] {
        cursor: pointer;
        padding: 0;
      }
      canvas {
        display: block;
        inline-size: 100%;
        aspect-ratio: 1;
        image-rendering: pixelated;
        background: var(--surface);
        border: 1px solid var(--line);
      }
      [role='gridcell']:hover canvas {
        border-color: var(--accent);
      }
      [aria-selected='true'] canvas {
        border-color: var(--accent);
        box-shadow: 0 0 0 1px var(--accent);
      }
      .label {
        display: block;
        font-size: 0.6875rem;
        line-height: 1.3;
        min-block-size: 1.3em;
        color: var(--soft);
      }
      .none {
        display: grid;
        place-items: center;
        aspect-ratio: 1;
        border: 1px dashed var(--line);
        color: var(--soft);
        font-size: 0.75rem;
      }
    `,
  ];

  declare maps: AttentionMaps | undefined;
  /** Short description of each head, `[layer][head]`, where one was computed. */
  declare labels: readonly (readonly (string | undefined)[])[];
  declare causal: boolean;
  declare measure: Measure;
  declare layer: number;
  declare head: number;

  readonly #scheme = new SchemeController(this);
  #painting = 0;

  constructor() {
    super();
    this.labels = [];
    this.causal = false;
    this.measure = 'linear';
    this.layer = 0;
    this.head = 0;
  }

  override render(): TemplateResult {
    const maps = this.maps;
    if (maps === undefined) return html`${nothing}`;
    const heads = Array.from({ length: headCount(maps) }, (_, head) => head);
    return html`<div
      class="grid"
      role="grid"
      aria-label="Attention of every layer and head"
      ${vars({ '--heads': heads.length })}
      @keydown=${this.#onKey}
    >
      <div role="row">
        <span role="none"></span>
        ${heads.map((head) => html`<span role="columnheader" aria-label="head ${head}">${head}</span>`)}
      </div>
      ${maps.layers.map(
        (_, layer) =>
          html`<div role="row">
            <span role="rowheader" aria-label="layer ${layer}">${layer}</span>
            ${heads.map((head) => this.#cell(maps, layer, head))}
          </div>`,
      )}
    </div>`;
  }

  #cell(maps: AttentionMaps, layer: number, head: number): TemplateResult {
    const chosen = layer === this.layer && head === this.head;
    const label = this.labels[layer]?.[head];
    return html`<div
      role="gridcell"
      aria-label="layer ${layer}, head ${head}${label ? `, ${label}` : ''}"
      aria-selected=${chosen}
      tabindex=${chosen ? 0 : -1}
      @click=${() => this.#choose({ layer, head }, true)}
    >
      ${hasHead(maps, layer, head) ? html`<canvas data-layer=${layer} data-head=${head}></canvas>` : html`<span class="none">n/a</span>`}
      <span class="label" aria-hidden="true">${label ?? nothing}</span>
    </div>`;
  }

  override updated(changed: PropertyValues<this>): void {
    const only = [...changed.keys()];
    if (only.length > 0 && only.every((key) => key === 'layer' || key === 'head' || key === 'labels')) return;
    cancelAnimationFrame(this.#painting);
    this.#paint([...this.renderRoot.querySelectorAll('canvas')]);
  }

  #paint(left: HTMLCanvasElement[]): void {
    this.#painting = requestAnimationFrame(() => {
      const scheme = this.#scheme.value;
      const until = performance.now() + slice;
      for (let canvas = left.shift(); canvas; canvas = left.shift()) {
        const map =
          this.maps && headMap(this.maps, Number(canvas.dataset.layer), Number(canvas.dataset.head));
        if (map === undefined) continue;
        const pool = Math.ceil(Math.max(map.queries, map.keys) / thumbnail);
        const image = paintMap(map, { scheme, measure: this.measure, causal: this.causal }, pool);
        canvas.width = image.width;
        canvas.height = image.height;
        canvas.getContext('2d')?.putImageData(image, 0, 0);
        if (performance.now() > until) break;
      }
      if (left.length > 0) this.#paint(left);
    });
  }

  #choose(place: HeadPlace, focus: boolean): void {
    this.layer = place.layer;
    this.head = place.head;
    emit(this, 'sonde-head', place);
    if (focus)
      void this.updateComplete.then(() =>
        this.renderRoot.querySelector<HTMLElement>('[aria-selected="true"]')?.focus(),
      );
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    if (this.maps === undefined) return;
    const rows = this.maps.layers.length;
    const to = rove(event, { row: this.layer, column: this.head }, rows, headCount(this.maps), rows);
    if (to === undefined) return;
    event.preventDefault();
    this.#choose({ layer: to.row, head: to.column }, true);
  };
}
