import { css, html, LitElement, nothing, svg, type TemplateResult } from 'lit';
import { emit } from './events.ts';
import { familyOf, type GraphMap } from './graph-index.ts';
import { familyStyle } from './graph-style.ts';
import { middleCut } from './hook-words.ts';
import { onResize } from './resize.ts';
import { theme } from './theme.ts';
import { vars } from './vars.ts';

/** Steps that are followed up and down from the chosen node. */
const reach = 2;
const rowHeight = 58;
const boxHeight = 38;

interface Box {
  readonly index: number;
  readonly row: number;
  readonly column: number;
  readonly count: number;
}

/** A node among those it reads (above) and those that read it (below), in layers, with the edges between them. */
export class SondeGraphNeighbours extends LitElement {
  static override properties = {
    map: { attribute: false },
    chosen: { type: Number },
    width: { state: true },
  };
  static override styles = [
    theme,
    familyStyle,
    css`
      .drawing {
        position: relative;
        block-size: calc(var(--rows) * 58px);
        margin-block: 0.5rem;
      }
      svg {
        position: absolute;
        inset: 0;
        inline-size: 100%;
        block-size: 100%;
        fill: none;
        stroke: var(--soft);
        stroke-width: 1;
      }
      button.box {
        position: absolute;
        inset-inline-start: calc(var(--x) * 1px);
        inset-block-start: calc(var(--y) * 1px);
        inline-size: calc(var(--w) * 1px);
        block-size: 38px;
        padding: 0.125rem 0.375rem 0.125rem 0.625rem;
        text-align: start;
        line-height: 1.2;
        font-size: 0.75rem;
        overflow: hidden;
        background:
          linear-gradient(var(--mark), var(--mark)) no-repeat 0 0 / 4px 100%,
          var(--surface);
        border: 1px solid var(--line);
        border-radius: 2px;
        cursor: pointer;
        color: var(--ink);
        --mark: var(--other);
      }
      button.box.here {
        border-color: var(--accent);
        box-shadow: 0 0 0 1px var(--accent);
      }
      button.box b,
      button.box span {
        display: block;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      button.box span {
        font-family: var(--mono);
        font-size: 0.6875rem;
        color: var(--soft);
      }
      button.box.attention {
        --mark: var(--attention);
      }
      button.box.product {
        --mark: var(--product);
      }
      button.box.norm {
        --mark: var(--norm);
      }
      button.box.arithmetic {
        --mark: var(--arithmetic);
      }
      button.box.shape {
        --mark: var(--shape);
      }
      dl {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        margin: 0;
        font-size: 0.8125rem;
        border-block-start: 1px solid var(--line);
      }
      dt,
      dd {
        margin: 0;
        padding-block: 0.1875rem;
        border-block-end: 1px solid var(--line);
      }
      dt {
        color: var(--soft);
        padding-inline-end: 0.875rem;
      }
      dd {
        font-family: var(--mono);
        font-size: 0.75rem;
        overflow-wrap: anywhere;
      }
      dd div + div {
        margin-block-start: 0.125rem;
      }
    `,
  ];

  declare map: GraphMap | undefined;
  declare chosen: number | undefined;
  declare width: number;

  constructor() {
    super();
    onResize(this, () => {
      this.width = this.clientWidth;
    });
    this.width = 0;
  }

  override render(): TemplateResult {
    const { map } = this;
    const here = map?.nodes[this.chosen ?? -1];
    if (map === undefined || here === undefined || this.width === 0)
      return html`<p class="absent">Choose a node to see what it reads and what reads it.</p>`;
    const { rows, left } = layersAround(map, here.index, Math.max(2, Math.floor(this.width / 150)));
    const boxes = rows.flatMap((row, at) =>
      row.map((index, column): Box => ({ index, row: at, column, count: row.length })),
    );
    const { node } = here;
    return html`<div class="drawing" role="group" aria-label="Around ${here.title}" ${vars({ '--rows': rows.length })}>
        <svg aria-hidden="true">${this.#edges(map, boxes)}</svg>
        ${boxes.map((box) => this.#box(map, box))}
      </div>
      ${left > 0 ? html`<p class="soft small">${left} more neighbours have no room here; the lists below name them all.</p>` : nothing}
      <dl>
        <dt>operator</dt>
        <dd>${node.domain === '' ? 'ai.onnx' : node.domain}.${node.op}</dd>
        ${node.name === '' ? nothing : html`<dt>name</dt><dd>${node.name}</dd>`}
        ${node.within === undefined ? nothing : html`<dt>within</dt><dd>${node.within.replace(/^ › /, '')}</dd>`}
        <dt>reads</dt>
        <dd>${node.inputs.map((input) => html`<div>${input || '(left out)'}</div>`)}</dd>
        <dt>makes</dt>
        <dd>${node.outputs.map((output) => html`<div>${output || '(left out)'}</div>`)}</dd>
        <dt>capture as</dt>
        <dd>raw:${node.outputs[0]}</dd>
      </dl>`;
  }

  #place({ row, column, count }: Box): { readonly x: number; readonly y: number; readonly w: number } {
    const w = Math.min(190, this.width / count - 8);
    return { x: ((column + 0.5) * this.width) / count - w / 2, y: row * rowHeight, w };
  }

  #edges(map: GraphMap, boxes: readonly Box[]): readonly TemplateResult[] {
    const at = new Map(boxes.map((box) => [box.index, box]));
    return boxes.flatMap((from) =>
      map.after(from.index).flatMap((index) => {
        const to = at.get(index);
        if (to === undefined || to.row <= from.row) return [];
        const [a, b] = [this.#place(from), this.#place(to)];
        const [x1, y1, x2, y2] = [a.x + a.w / 2, a.y + boxHeight, b.x + b.w / 2, b.y];
        const middle = (y1 + y2) / 2;
        return svg`<path d="M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}" />`;
      }),
    ) as unknown as readonly TemplateResult[];
  }

  #box(map: GraphMap, box: Box): TemplateResult {
    const placed = map.nodes[box.index];
    if (placed === undefined) return html`${nothing}`;
    const { node, title } = placed;
    const { x, y, w } = this.#place(box);
    return html`<button
      type="button"
      class="box ${familyOf(node.op)} ${box.index === this.chosen ? 'here' : ''}"
      aria-current=${box.index === this.chosen ? 'true' : nothing}
      title=${title}
      ${vars({ '--x': x, '--y': y, '--w': w })}
      @click=${() => emit(this, 'sonde-choose', box.index)}
    >
      <b>${node.op}</b><span>${middleCut(title, Math.max(8, Math.floor((w - 18) / 6.7)))}</span>
    </button>`;
  }
}

/** Rows of nodes from `reach` above to `reach` below; `left` are those that a row had no room for. */
function layersAround(
  map: GraphMap,
  here: number,
  room: number,
): { readonly rows: readonly (readonly number[])[]; readonly left: number } {
  const seen = new Set([here]);
  let left = 0;
  const step = (from: readonly number[], next: (index: number) => readonly number[]): readonly number[] => {
    const found = [...new Set(from.flatMap(next))].filter((index) => !seen.has(index));
    const kept = found.slice(0, room);
    left += found.length - kept.length;
    for (const index of kept) seen.add(index);
    return kept;
  };
  const above: (readonly number[])[] = [];
  const below: (readonly number[])[] = [];
  for (let distance = 0; distance < reach; distance++) {
    above.unshift(step(above[0] ?? [here], map.before));
    below.push(step(below.at(-1) ?? [here], map.after));
  }
  const rows = [...above, [here], ...below].filter((row) => row.length > 0);
  return { rows, left };
}
