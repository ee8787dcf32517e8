import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { emit } from './events.ts';
import { type Family, familyOf, type GraphMap } from './graph-index.ts';
import { familyStyle } from './graph-style.ts';
import { onResize } from './resize.ts';
import { SchemeController } from './scheme.ts';
import { theme } from './theme.ts';
import { vars } from './vars.ts';

const families: readonly (readonly [Family, string])[] = [
  ['attention', 'attention, softmax'],
  ['product', 'matrix products, lookups'],
  ['norm', 'norms'],
  ['arithmetic', 'sums, products, activations'],
  ['shape', 'shapes, constants'],
  ['other', 'other'],
];

/** The whole graph at a glance: its layers from left to right, a mark for each node. A click chooses the nearest. */
export class SondeGraphOverview extends LitElement {
  static override properties = {
    map: { attribute: false },
    chosen: { type: Number },
    /** Nodes that a search found; the others are drawn faint. */
    found: { attribute: false },
    width: { state: true },
  };
  static override styles = [
    theme,
    familyStyle,
    css`
      .field {
        border: 1px solid var(--line);
        background: var(--surface);
        padding: 0.5rem;
        cursor: crosshair;
      }
      .map {
        position: relative;
      }
      .ring {
        position: absolute;
        box-sizing: content-box;
        inset-inline-start: calc(var(--x) * 1px - 4px);
        inset-block-start: calc(var(--y) * 1px - 4px);
        inline-size: calc(var(--w) * 1px);
        block-size: calc(var(--h) * 1px);
        padding: 2px;
        border: 2px solid var(--ink);
        border-radius: 2px;
        pointer-events: none;
      }
      canvas {
        display: block;
        inline-size: 100%;
      }
      .legend {
        display: flex;
        flex-wrap: wrap;
        gap: 0.125rem 1rem;
        margin-block-start: 0.375rem;
        font-size: 0.75rem;
        color: var(--soft);
      }
      .legend span {
        display: inline-flex;
        align-items: baseline;
        gap: 0.3125rem;
      }
    `,
  ];

  declare map: GraphMap | undefined;
  declare chosen: number | undefined;
  declare found: ReadonlySet<number> | undefined;
  /** Pixels across; 0 before it is laid out. */
  declare width: number;
  readonly #scheme = new SchemeController(this);
  #frame = 0;

  constructor() {
    super();
    onResize(this, () => {
      this.width = this.#canvas?.clientWidth ?? 0;
    });
    this.width = 0;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    cancelAnimationFrame(this.#frame);
  }

  override render(): TemplateResult {
    return html`<div class="field">
        <div class="map"><canvas aria-hidden="true" @click=${this.#onClick}></canvas>${this.#ring()}</div>
      </div>
      <div class="legend">
        ${families.map(([family, words]) => html`<span><i class="dot ${family}"></i>${words}</span>`)}
      </div>`;
  }

  /** Not painted with the nodes: a choice must not cost the painting of thousands. */
  #ring(): TemplateResult {
    const chosen = this.map?.nodes[this.chosen ?? -1];
    if (chosen === undefined || this.width === 0) return html`${nothing}`;
    const { x, y } = this.#steps(this.width);
    return html`<div
      class="ring"
      ${vars({ '--x': chosen.layer * x, '--y': chosen.lane * y, '--w': Math.max(2, x), '--h': y })}
    ></div>`;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.size !== 1 || !changed.has('chosen')) this.#schedule();
  }

  #schedule(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  get #canvas(): HTMLCanvasElement | null {
    return this.renderRoot.querySelector('canvas');
  }

  /** Pixels of a layer and of a lane. Crowded layers are squeezed, so that the field never grows tall. */
  #steps(width: number): { readonly x: number; readonly y: number; readonly height: number } {
    const { layers = 1, lanes = 1 } = this.map ?? {};
    const y = Math.min(8, Math.max(2, 120 / lanes));
    return { x: width / Math.max(1, layers), y, height: Math.max(48, Math.ceil(lanes * y)) };
  }

  #draw(): void {
    const canvas = this.#canvas;
    const { map } = this;
    const { width } = this;
    const context = canvas?.getContext('2d');
    if (canvas === null || map === undefined || width === 0 || !context) return;
    const { x, y, height } = this.#steps(width);
    const scale = globalThis.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.blockSize = `${height}px`;
    context.scale(scale, scale);
    const colour = this.#colours();
    for (const { index, node, layer, lane } of map.nodes) {
      context.fillStyle = colour[familyOf(node.op)];
      context.globalAlpha = this.found === undefined || this.found.has(index) ? 1 : 0.15;
      context.fillRect(layer * x, lane * y, Math.max(1, x - (x > 3 ? 1 : 0)), Math.max(1.5, y - 1));
    }
  }

  #colours(): Readonly<Record<Family, string>> {
    // A custom property's value is light-dark(…) as written: only a painted colour is resolved.
    void this.#scheme.value;
    const dots = this.renderRoot.querySelectorAll<HTMLElement>('.legend .dot');
    const colour = {} as Record<Family, string>;
    for (const [at, [family]] of families.entries()) {
      const dot = dots[at];
      colour[family] = dot === undefined ? '' : getComputedStyle(dot).backgroundColor;
    }
    return colour;
  }

  readonly #onClick = (event: MouseEvent): void => {
    const canvas = this.#canvas;
    if (canvas === null || this.map === undefined) return;
    const box = canvas.getBoundingClientRect();
    const { x, y } = this.#steps(box.width);
    const [left, top] = [(event.clientX - box.left) / x, (event.clientY - box.top) / y];
    let nearest: number | undefined;
    let distance = Number.POSITIVE_INFINITY;
    for (const { index, layer, lane } of this.map.nodes) {
      const far = ((layer + 0.5 - left) * x) ** 2 + ((lane + 0.5 - top) * y) ** 2;
      if (far < distance) [nearest, distance] = [index, far];
    }
    if (nearest !== undefined) emit(this, 'sonde-choose', nearest);
  };
}
