import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import type { Token } from '../protocol/request.ts';
import { type ChartAt, ChartController, chartStyle } from './chart.ts';
import { theme } from './theme.ts';
import { visibleText } from './token-text.ts';

/** Length of the residual vector at each point on the way down through the model. */
export interface ResidualProfile {
  /** Hook names from the embedding to the last block. */
  readonly hooks: readonly string[];
  /** L2 norm per hook and position: `norms[hook][position]`. */
  readonly norms: readonly Float32Array[];
}

/** The residual stream as a sounding: depth downwards, length across, one line a token, their mean thick. */
export class SondeResidual extends LitElement {
  static override properties = {
    profile: { attribute: false },
    tokens: { attribute: false },
    position: { type: Number },
  };
  static override styles = [
    theme,
    chartStyle,
    css`
      .swatch.chosen {
        border-color: var(--accent);
      }
      .swatch.each {
        border-block-start: 1px solid var(--line);
      }
      .key {
        display: inline-block;
        margin-inline-end: 0.75rem;
      }
      b {
        font-family: var(--mono);
        font-weight: 500;
        color: var(--ink);
      }
    `,
  ];

  declare profile: ResidualProfile | undefined;
  declare tokens: readonly Token[];
  declare position: number | undefined;

  constructor() {
    super();
    new ChartController(this, (width) => this.#chartAt(width));
    this.tokens = [];
  }

  override render(): TemplateResult {
    const { profile, position } = this;
    if (profile === undefined || profile.norms.length === 0)
      return html`<p class="absent">No residual stream was captured yet. Run something to see it.</p>`;
    const means = profile.norms.map(mean);
    const first = means[0]?.toFixed(2);
    const last = means.at(-1)?.toFixed(2);
    return html`<figure>
      <div
        class="chart"
        role="img"
        aria-label="Mean length of the residual vector by depth, from ${first} at ${profile.hooks[0]} to ${last} at ${profile.hooks.at(-1)}"
      ></div>
      <figcaption>
        <span class="key"><span class="swatch"></span> mean over ${profile.norms[0]?.length} tokens, ${first} to ${last}</span>
        <span class="key"><span class="swatch each"></span> each token</span>
        ${position === undefined ? nothing : html`<span class="key"><span class="swatch chosen"></span> <b>${visibleText(this.tokens[position]?.text ?? '')}</b> at ${position}: ${profile.norms[0]?.[position]?.toFixed(2)} to ${profile.norms.at(-1)?.[position]?.toFixed(2)}</span>`}
      </figcaption>
    </figure>`;
  }

  #chartAt(width: number): ReturnType<ChartAt> {
    const { profile, position } = this;
    if (profile === undefined) return undefined;
    const hooks = profile.hooks.map(shortName);
    const longest = Math.max(...hooks.map(({ length }) => length));
    const margin = Math.max(92, 6 * longest + 12);
    const points = profile.norms.flatMap((norms, at) =>
      Array.from(norms, (norm, token) => ({ hook: hooks[at], norm, token })),
    );
    const means = profile.norms.map((norms, at) => ({ hook: hooks[at], norm: mean(norms) }));
    return (plot) => ({
      width,
      height: 44 + 26 * profile.hooks.length,
      marginLeft: margin,
      marginRight: 12,
      marginTop: 30,
      marginBottom: 8,
      x: {
        axis: 'top',
        label: 'L2 norm',
        zero: true,
        ticks: Math.max(3, Math.floor((width - margin - 12) / 80)),
      },
      y: { domain: hooks, label: null, type: 'point', tickSize: 0, padding: 0.5 },
      marks: [
        plot.gridX({ strokeOpacity: 0.12 }),
        plot.ruleY(hooks, { strokeOpacity: 0.12 }),
        plot.line(points, {
          x: 'norm',
          y: 'hook',
          z: 'token',
          stroke: 'currentColor',
          strokeOpacity: 0.22,
          strokeWidth: 1,
        }),
        plot.line(means, { x: 'norm', y: 'hook', stroke: 'var(--ink)', strokeWidth: 2 }),
        plot.dot(means, { x: 'norm', y: 'hook', fill: 'var(--ink)', r: 2.5 }),
        plot.line(
          points.filter((point) => point.token === position),
          { x: 'norm', y: 'hook', stroke: 'var(--accent)', strokeWidth: 2, marker: 'dot' },
        ),
      ],
    });
  }
}

/** `decoder.blocks.0.hook_resid_mid` as `0 resid_mid`: the stream of one stack is drawn, and the page says which. */
const shortName = (hook: string): string => hook.replace(/^.*?blocks\.(\d+)\.hook_/, '$1 ');

const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
