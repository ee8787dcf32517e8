import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { Token } from '../protocol/request.ts';
import { emit } from './events.ts';
import { probabilityText } from './format.ts';
import { drawMap, type Geometry, layOut, placeAt } from './map-drawing.ts';
import type { HeadMap, Measure } from './paint.ts';
import { onResize } from './resize.ts';
import { rove } from './rove.ts';
import { SchemeController } from './scheme.ts';
import { theme } from './theme.ts';
import { visibleText } from './token-text.ts';

/**
 * One head, large: queries down, keys across, tokens on both axes. Pointer or arrow keys choose a cell;
 * its exact value is said below. A chosen query is told as `sonde-position`.
 */
export class SondeAttentionMap extends LitElement {
  static override properties = {
    map: { attribute: false },
    tokens: { attribute: false },
    keyTokens: { attribute: false },
    caption: { attribute: false },
    causal: { type: Boolean },
    measure: { type: String },
    precision: { type: Number },
    query: { type: Number },
    key: { type: Number },
  };
  static override styles = [
    theme,
    css`
      .map {
        position: relative;
        touch-action: pan-y;
        cursor: crosshair;
        border-radius: 1px;
      }
      canvas {
        display: block;
        inline-size: 100%;
        accent-color: var(--accent);
      }
      .readout {
        display: block;
        min-block-size: 1.5em;
        margin-block-start: 0.5rem;
        white-space: pre-wrap;
        font-family: inherit;
        font-size: 0.875rem;
      }
      .readout b {
        font-family: var(--mono);
        font-weight: 600;
      }
    `,
  ];

  declare map: HeadMap | undefined;
  declare tokens: readonly Token[];
  /** Those on the axis of keys; absent: the same. */
  declare keyTokens: readonly Token[] | undefined;
  /** What the map shows, for its accessible name. */
  declare caption: string;
  declare causal: boolean;
  declare measure: Measure;
  declare precision: number | undefined;
  declare query: number;
  declare key: number;

  readonly #scheme = new SchemeController(this);
  #geometry: Geometry | undefined;
  /** The cell was chosen here, not given from outside: its key stays. */
  #chosenHere = false;
  #frame = 0;

  constructor() {
    super();
    onResize(this, () => this.#schedule());
    this.tokens = [];
    this.caption = 'attention';
    this.causal = false;
    this.measure = 'linear';
    this.query = 0;
    this.key = 0;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    cancelAnimationFrame(this.#frame);
  }

  override render(): TemplateResult {
    if (this.map === undefined) return html`${nothing}`;
    return html`<div
        class="map"
        role="application"
        aria-roledescription="attention map"
        aria-label="${this.caption}: ${this.map.queries} queries by ${this.map.keys} keys. Arrow keys move."
        aria-describedby="readout"
        tabindex="0"
        @keydown=${this.#onKey}
        @pointermove=${this.#onPointer}
        @pointerdown=${this.#onPointer}
      >
        <canvas aria-hidden="true"></canvas>
      </div>
      <output class="readout" id="readout" aria-live="polite">${this.#readout(this.map)}</output>`;
  }

  #readout(map: HeadMap): TemplateResult {
    const value = map.weights[this.query * map.keys + this.key];
    const query = html`<b>${tokenText(this.tokens, this.query)}</b> <span class="soft">at ${this.query}</span>`;
    const key = html`<b>${tokenText(this.keyTokens ?? this.tokens, this.key)}</b> <span class="soft">at ${this.key}</span>`;
    if (value === undefined) return html`${nothing}`;
    if (this.causal && this.key > this.query)
      return html`${query} cannot see ${key}: it comes later, and the causal mask hides it.`;
    const error =
      this.precision === undefined
        ? nothing
        : html` <span class="soft">± ${this.precision.toFixed(4)}</span>`;
    return html`${query} attends to ${key} with weight <b>${probabilityText(value)}</b>${error}`;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (this.map === undefined) return;
    if ((changed.has('map') || changed.has('query')) && !this.#chosenHere)
      this.key = mostRead(this.map, this.query);
    this.#chosenHere = false;
    this.query = Math.min(this.query, this.map.queries - 1);
    this.key = Math.min(this.key, this.map.keys - 1);
  }

  override updated(_changed: PropertyValues<this>): void {
    this.#schedule();
  }

  #schedule(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      const canvas = this.renderRoot.querySelector('canvas');
      if (canvas === null || this.map === undefined || this.clientWidth === 0) return;
      const labels = { query: this.tokens, key: this.keyTokens ?? this.tokens };
      this.#geometry = layOut(this.clientWidth, this.map, labels);
      const { color } = getComputedStyle(this);
      drawMap(canvas, this.#geometry, {
        map: this.map,
        labels,
        query: this.query,
        key: this.key,
        paint: { scheme: this.#scheme.value, measure: this.measure, causal: this.causal },
        ink: color,
        accent: getComputedStyle(canvas).accentColor,
      });
    });
  }

  readonly #onPointer = (event: PointerEvent): void => {
    if (this.#geometry === undefined || this.map === undefined) return;
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const place = placeAt(this.#geometry, this.map, event.clientX - box.left, event.clientY - box.top);
    if (place) this.#choose(place.row, place.column);
  };

  readonly #onKey = (event: KeyboardEvent): void => {
    if (this.map === undefined) return;
    const { queries, keys } = this.map;
    const to = rove(event, { row: this.query, column: this.key }, queries, keys);
    if (to === undefined) return;
    event.preventDefault();
    this.#choose(to.row, to.column);
  };

  #choose(query: number, key: number): void {
    const moved = query !== this.query;
    this.query = query;
    this.key = key;
    this.#chosenHere = true;
    if (moved) emit(this, 'sonde-position', query);
  }
}

function tokenText(tokens: readonly Token[], position: number): string {
  const token = tokens[position];
  return token === undefined ? `token ${position}` : visibleText(token.text);
}

function mostRead(map: HeadMap, query: number): number {
  const row = map.weights.subarray(query * map.keys, (query + 1) * map.keys);
  return row.indexOf(Math.max(...row));
}
