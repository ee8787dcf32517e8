import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { DeviceReport, Dtype } from '../protocol/device.ts';
import type { FidelityProgress, ModelFidelity, VariantFidelity } from '../protocol/fidelity.ts';
import type { HookError } from '../shared/hook.ts';
import { type ChartAt, ChartController, chartStyle } from './chart.ts';
import { emit } from './events.ts';
import { type FidelityLayer, fidelityLayers } from './fidelity-layers.ts';
import { bytesText, countText, deviceName, durationText } from './format.ts';
import { theme } from './theme.ts';

/** A dtype has a shape, a device a filling: filled is WebGPU. */
const shapes: Readonly<
  Record<Dtype, { readonly plot: string; readonly filled: string; readonly hollow: string }>
> = {
  fp32: { plot: 'circle', filled: '●', hollow: '○' },
  fp16: { plot: 'square', filled: '■', hollow: '□' },
  q8: { plot: 'triangle', filled: '▲', hollow: '△' },
  q4: { plot: 'diamond', filled: '◆', hollow: '◇' },
  q4f16: { plot: 'star', filled: '★', hollow: '☆' },
};

/** Where an error of 0 is drawn: far below one rounding of float32. */
const least = 1e-9;

const goldenWords = {
  shipped: 'ships with the model',
  recorded: 'was recorded on WASM at this load',
  cached: 'was recorded on WASM at an earlier load',
} as const;

const nameOf = ({ device, dtype }: Pick<VariantFidelity, 'device' | 'dtype'>): string =>
  `${deviceName[device]} ${dtype}`;

/** Whether the device gives what it should, and how far each device and dtype lies from WASM in fp32, by layer. */
export class SondeFidelity extends LitElement {
  static override properties = {
    report: { attribute: false },
    fidelity: { attribute: false },
    progress: { attribute: false },
  };
  static override styles = [
    theme,
    chartStyle,
    css`
      :host {
        container-type: inline-size;
      }
      .bar {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.5rem 0.875rem;
        margin-block: 0.5rem;
        font-size: 0.8125rem;
      }
      .bar .soft {
        flex: 1 1 14rem;
      }
      .bar progress {
        flex: 1 1 8rem;
        block-size: 0.375rem;
        accent-color: var(--accent);
      }
      .legend {
        display: flex;
        flex-wrap: wrap;
        gap: 0.125rem 1rem;
        list-style: none;
        font-size: 0.8125rem;
      }
      .allowed {
        display: inline-block;
        inline-size: 1.25rem;
        border-block-start: 2px dashed var(--doubt);
        vertical-align: middle;
      }
      .webgpu {
        color: var(--accent);
      }
      .refused {
        color: var(--fault);
      }
      summary {
        cursor: pointer;
        color: var(--accent);
        inline-size: fit-content;
        min-block-size: 1.5rem;
      }
      td .soft {
        display: block;
        font-size: 0.6875rem;
      }
      p,
      li {
        overflow-wrap: anywhere;
      }
    `,
  ];

  declare report: DeviceReport | undefined;
  declare fidelity: ModelFidelity | undefined;
  declare progress: FidelityProgress | undefined;

  constructor() {
    super();
    new ChartController(this, (width) => this.#chartAt(width));
  }

  override render(): TemplateResult {
    const { report, fidelity } = this;
    if (report === undefined)
      return html`<p class="absent">No model is loaded, so no device was compared.</p>`;
    return html`<p>${atLoad(report)}</p>
      ${this.#bar()} ${fidelity === undefined ? nothing : this.#result(fidelity)}`;
  }

  #bar(): TemplateResult {
    const { progress, fidelity } = this;
    if (progress !== undefined) {
      const { dtype, done, variants, loaded, total } = progress;
      const fetched =
        loaded === undefined || loaded === total
          ? ''
          : `, ${bytesText(loaded)}${total === undefined ? '' : ` of ${bytesText(total)}`} fetched`;
      return html`<div class="bar">
        <button type="button" @click=${() => emit(this, 'sonde-compare', 'stop')}>Stop comparing</button>
        <progress aria-label="Comparison" max=${Math.max(variants, 1)} value=${done}></progress>
        <span class="number soft" role="status">${dtype}: ${done} of ${variants} variants compared${fetched}</span>
      </div>`;
    }
    return html`<div class="bar">
      <button type="button" @click=${() => emit(this, 'sonde-compare', 'start')}>
        ${fidelity === undefined ? 'Compare devices and dtypes' : 'Compare again'}
      </button>
      <span class="soft"
        >${
          fidelity === undefined
            ? 'Runs every file of the model on WebGPU and on WASM, and fetches those that are not here yet.'
            : `Compared in ${durationText(fidelity.elapsed)}.`
        }</span
      >
    </div>`;
  }

  get #allowed(): number | undefined {
    const fidelity = this.report?.fidelity;
    return fidelity?.kind === 'proved' ? fidelity.tolerance : undefined;
  }

  #result({ variants }: ModelFidelity): TemplateResult {
    const allowed = this.#allowed;
    const layers = fidelityLayers(variants);
    const refused = variants.flatMap(({ device, dtype, result }) =>
      result.kind === 'refused' ? [{ device, dtype, reason: result.reason }] : [],
    );
    return html`<figure>
        <div class="chart" role="img" aria-label="Largest error in each layer, of every device and dtype; the table below has the numbers"></div>
        <figcaption>
          <ul class="legend">
            ${allowed === undefined ? nothing : html`<li><span class="allowed"></span> allowed at a load of this device and dtype</li>`}
            ${variants.map((variant, at) => (variant.result.kind === 'refused' ? nothing : legendItem(variant, layers, at)))}
          </ul>
        </figcaption>
      </figure>
      ${
        refused.length === 0
          ? nothing
          : html`<ul class="small">
            ${refused.map((each) => html`<li><span class="refused">refused</span> ${nameOf(each)}: ${each.reason}</li>`)}
          </ul>`
      }
      <details>
        <summary>The same as a table</summary>
        ${table(variants, layers)}
      </details>`;
  }

  #chartAt(width: number): ReturnType<ChartAt> {
    const { fidelity } = this;
    if (fidelity === undefined) return undefined;
    const layers = fidelityLayers(fidelity.variants);
    if (layers.length === 0) return undefined;
    const series = fidelity.variants.map(({ device, dtype }, at) => ({
      colour: device === 'webgpu' ? 'var(--accent)' : 'var(--ink)',
      isFilled: device === 'webgpu',
      symbol: shapes[dtype].plot,
      points: layers.flatMap(({ label, worst }) => {
        const error = worst[at]?.error;
        return error === undefined || !Number.isFinite(error)
          ? []
          : [{ label, error: Math.max(error, least) }];
      }),
    }));
    const allowed = this.#allowed;
    return (plot) => ({
      width,
      height: 52 + 26 * layers.length,
      marginLeft: Math.min(92, 16 + 7 * Math.max(...layers.map(({ label }) => label.length))),
      marginRight: 16,
      marginTop: 34,
      marginBottom: 8,
      x: {
        axis: 'top',
        type: 'log',
        label: 'error of the worst hook',
        domain: [least, Math.max(1, ...series.flatMap(({ points }) => points.map(({ error }) => error)))],
        ticks: width < 420 ? [least, 1e-6, 1e-3, 1] : [least, 1e-7, 1e-5, 1e-3, 1e-1],
        tickFormat: (value: number) => (value <= least ? '0' : value.toExponential(0)),
      },
      y: {
        domain: layers.map(({ label }) => label),
        label: null,
        type: 'point',
        tickSize: 0,
        padding: 0.5,
      },
      marks: [
        plot.gridX({ strokeOpacity: 0.12 }),
        plot.ruleX(allowed === undefined ? [] : [allowed], {
          stroke: 'var(--doubt)',
          strokeDasharray: '4 3',
          strokeWidth: 1.5,
        }),
        ...series.flatMap(({ colour, isFilled, symbol, points }) => [
          plot.line(points, { x: 'error', y: 'label', stroke: colour, strokeOpacity: 0.5, strokeWidth: 1 }),
          plot.dot(points, {
            x: 'error',
            y: 'label',
            symbol: () => symbol,
            stroke: colour,
            // A hollow mark lies around a filled one at the same place.
            fill: isFilled ? colour : 'none',
            r: isFilled ? 3.5 : 5,
          }),
        ]),
      ],
      symbol: { type: 'identity' },
    });
  }
}

function atLoad({ fidelity, ...report }: DeviceReport): TemplateResult {
  const name = nameOf(report);
  if (fidelity.kind === 'unproved') return html`${name} was not compared at this load: ${fidelity.reason}`;
  const { hooks, worst, tolerance, golden } = fidelity;
  return html`At this load ${name} gave what its reference gives at ${countText(hooks)} hooks. The worst,
    <code>${worst.hook}</code>, differs by <span class="number">${errorText(worst.error)}</span> of its largest value;
    <span class="number">${errorText(tolerance)}</span> is allowed. The reference ${goldenWords[golden]}.`;
}

function legendItem(variant: VariantFidelity, layers: readonly FidelityLayer[], at: number): TemplateResult {
  const { device, dtype } = variant;
  const glyph = shapes[dtype][device === 'webgpu' ? 'filled' : 'hollow'];
  const worst = Math.max(...layers.map((layer) => layer.worst[at]?.error ?? 0));
  return html`<li>
    <span class=${device} aria-hidden="true">${glyph}</span> ${nameOf(variant)}
    <span class="number soft">${errorText(worst)}</span>
  </li>`;
}

const table = (variants: readonly VariantFidelity[], layers: readonly FidelityLayer[]): TemplateResult => {
  const shown = variants
    .map((variant, at) => ({ variant, at }))
    .filter(({ variant }) => variant.result.kind === 'measured');
  return html`<div class="scroll" role="region" aria-label="Largest error in each layer" tabindex="0">
    <table>
      <caption>
        The worst hook of each layer: max |a − b| / max |b| against WASM fp32
      </caption>
      <thead>
        <tr>
          <th scope="col">layer</th>
          ${shown.map(({ variant }) => html`<th scope="col" class="number">${nameOf(variant)}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${layers.map(
          ({ label, worst }) =>
            html`<tr>
              <th scope="row">${label}</th>
              ${shown.map(({ at }) => html`<td class="number">${cell(worst[at])}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
};

/** The hook by its last name: the row says the layer. */
const cell = (worst: HookError | undefined): TemplateResult | string =>
  worst === undefined
    ? '–'
    : html`${errorText(worst.error)}<span class="soft">${worst.hook.replace(/^.*\./, '').replace(/^hook_/, '')}</span>`;

const errorText = (error: number): string =>
  error === 0 ? '0' : Number.isFinite(error) ? error.toExponential(1) : 'not comparable';
