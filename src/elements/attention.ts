import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { Token } from '../protocol/request.ts';
import { depthIndex, depthPixels } from './depth.ts';
import type { HeadPlace } from './events.ts';
import { probabilityText } from './format.ts';
import { type AttentionMaps, hasHead, headMap, isCausal } from './maps.ts';
import { type HeadMap, logFloor, type Measure } from './paint.ts';
import { SchemeController } from './scheme.ts';
import { theme } from './theme.ts';
import { visibleText } from './token-text.ts';

/** Weights below this are too small to be listed in words; the map still shows them. */
const worthNaming = 0.001;

/** Attention of a whole model: every head small, one head large, and in words what the chosen token reads. */
export class SondeAttention extends LitElement {
  static override properties = {
    maps: { attribute: false },
    tokens: { attribute: false },
    keyTokens: { attribute: false },
    labels: { attribute: false },
    position: { type: Number },
    place: { state: true },
    measure: { state: true },
  };
  static override styles = [
    theme,
    css`
      .views {
        display: grid;
        gap: 1.5rem;
        grid-template-columns: minmax(0, 1fr);
      }
      :host {
        container-type: inline-size;
      }
      @container (min-width: 42rem) {
        .views {
          grid-template-columns: minmax(0, 5fr) minmax(0, 8fr);
        }
      }
      h3 {
        margin: 0 0 0.5rem;
        font-size: 0.875rem;
        font-weight: 600;
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        column-gap: 0.5rem;
      }
      .scale {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.375rem 1rem;
        margin-block-start: 1rem;
        color: var(--soft);
        font-size: 0.8125rem;
      }
      .ramp {
        display: flex;
        align-items: center;
        gap: 0.5rem;
      }
      .ramp canvas {
        inline-size: 9rem;
        block-size: 0.75rem;
        border: 1px solid var(--line);
      }
      fieldset {
        border: 0;
        margin: 0;
        padding: 0;
        display: flex;
        gap: 0.75rem;
      }
      legend {
        float: inline-start;
        line-height: 1.5rem;
        padding: 0;
        margin-inline-end: 0.75rem;
      }
      label {
        display: inline-flex;
        align-items: center;
        gap: 0.25rem;
        min-block-size: 1.5rem;
      }
      input {
        accent-color: var(--accent);
        margin: 0;
      }
      ol {
        list-style: none;
        display: flex;
        flex-wrap: wrap;
        column-gap: 1rem;
      }
      li b {
        font-family: var(--mono);
        font-weight: 500;
      }
    `,
  ];

  declare maps: AttentionMaps | undefined;
  declare tokens: readonly Token[];
  /** What is read, where those are not the tokens that read: of cross-attention, the encoder's. */
  declare keyTokens: readonly Token[] | undefined;
  declare labels: readonly (readonly (string | undefined)[])[];
  /** The chosen token: its row is the query of the large map. */
  declare position: number | undefined;
  declare place: HeadPlace;
  declare measure: Measure;

  readonly #scheme = new SchemeController(this);
  #causal = false;
  #frame = 0;

  constructor() {
    super();
    this.tokens = [];
    this.labels = [];
    this.place = { layer: 0, head: 0 };
    this.measure = 'linear';
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('maps') || this.maps === undefined) return;
    this.#causal = this.maps.causal ?? isCausal(this.maps);
    if (!hasHead(this.maps, this.place.layer, this.place.head)) this.place = { layer: 0, head: 0 };
  }

  override render(): TemplateResult {
    const { maps, place } = this;
    if (maps === undefined)
      return html`<p class="absent">No attention was captured yet. Run something to see it.</p>`;
    const map = headMap(maps, place.layer, place.head);
    const label = this.labels[place.layer]?.[place.head];
    return html`<div class="views">
        <section>
          <h3>Every head <span class="soft small">layers down, heads across</span></h3>
          <sonde-attention-overview
            .maps=${maps}
            .labels=${this.labels}
            .causal=${this.#causal}
            .measure=${this.measure}
            .layer=${place.layer}
            .head=${place.head}
            @sonde-head=${(event: CustomEvent<HeadPlace>) => {
              this.place = event.detail;
            }}
          ></sonde-attention-overview>
        </section>
        <section>
          <h3>
            Layer ${place.layer}, head ${place.head}
            <span class="soft small">${label === undefined ? nothing : `${label}; `}${
              this.keyTokens === undefined
                ? 'queries down, keys across'
                : 'queries of the decoder down, keys of the encoder across'
            }</span>
          </h3>
          ${map ? this.#large(map) : this.#reason(maps, place.layer)}
        </section>
      </div>
      ${this.#scaleBar()}`;
  }

  #large(map: HeadMap): TemplateResult {
    return html`<sonde-attention-map
        .map=${map}
        .tokens=${this.tokens}
        .keyTokens=${this.keyTokens}
        .caption=${`Attention of layer ${this.place.layer}, head ${this.place.head}`}
        .causal=${this.#causal}
        .measure=${this.measure}
        .precision=${this.maps?.precision}
        .query=${Math.min(this.position ?? map.queries - 1, map.queries - 1)}
      ></sonde-attention-map>
      ${this.#mostRead(map)}`;
  }

  /** The five keys the chosen query weighs most: the map's row in words. */
  #mostRead(map: HeadMap): TemplateResult {
    const query = Math.min(this.position ?? map.queries - 1, map.queries - 1);
    const row = map.weights.subarray(query * map.keys, (query + 1) * map.keys);
    const best = Array.from(row, (value, key) => ({ value, key }))
      .sort((a, b) => b.value - a.value)
      .slice(0, 5)
      .filter(({ value }) => value >= worthNaming);
    return html`<p class="soft small">
        Most read by <b>${visibleText(this.tokens[query]?.text ?? String(query))}</b> at ${query}
      </p>
      <ol>
        ${best.map(
          ({ value, key }) =>
            html`<li>
              <b>${visibleText((this.keyTokens ?? this.tokens)[key]?.text ?? String(key))}</b>
              <span class="soft small">at ${key}</span> <span class="number">${probabilityText(value)}</span>
            </li>`,
        )}
      </ol>`;
  }

  #reason(maps: AttentionMaps, layer: number): TemplateResult {
    const at = maps.layers[layer];
    return html`<p class="absent">
      Not available in this layer: ${at && 'unavailable' in at ? at.unavailable : 'the model has no such head'}.
    </p>`;
  }

  #scaleBar(): TemplateResult {
    const low = this.measure === 'linear' ? '0' : `≤ ${logFloor}`;
    const choice = (measure: Measure): TemplateResult =>
      html`<label
        ><input
          type="radio"
          name="measure"
          .checked=${this.measure === measure}
          @change=${() => {
            this.measure = measure;
          }}
        />${measure}</label
      >`;
    return html`<div class="scale">
      <span class="ramp"><span class="number">${low}</span><canvas class="legend" width="256" height="1" aria-hidden="true"></canvas><span class="number">1</span> attention weight</span>
      <fieldset>
        <legend>Colour scale</legend>
        ${choice('linear')}${choice('log')}
      </fieldset>
      ${this.#causal ? html`<span>Empty triangle: masked, a token cannot read later ones.</span>` : nothing}
    </div>`;
  }

  override updated(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#paintLegend());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    cancelAnimationFrame(this.#frame);
  }

  #paintLegend(): void {
    const scheme = this.#scheme.value;
    const image = new ImageData(256, 1);
    new Uint32Array(image.data.buffer).set(
      Array.from({ length: 256 }, (_, x) => depthPixels[depthIndex(x / 255, scheme)] ?? 0),
    );
    const canvas = this.renderRoot.querySelector<HTMLCanvasElement>('.legend');
    canvas?.getContext('2d')?.putImageData(image, 0, 0);
  }
}
