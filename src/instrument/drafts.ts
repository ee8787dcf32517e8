import { type Atom, type Axes, whole } from './axes.ts';
import type { Draft, Keyed, Recipe, Site } from './draft.ts';
import type { Found } from './found.ts';
import { arrange, isPlaceable, type Placed } from './layout.ts';
import { isPassing } from './linear.ts';
import type { Dim } from './onnx.ts';
import type { View } from './view.ts';

const axisName: Readonly<Record<Atom['label'], string>> = {
  batch: 'batch',
  position: 'position',
  key: 'key',
  head: 'head',
  group: 'group',
  size: 'd_head',
  model: 'd_model',
  one: '1',
};

export const flattened = 'its batch and positions are one axis in this graph';

const rowOrder = ['batch', 'position', 'model'] as const;

/** Gathers the hooks of one graph in order. */
export class Drafts {
  readonly list: Draft[] = [];
  readonly #view: View;
  readonly #prefix: string;
  readonly #leading: string | undefined;

  /** `leading` has batch and position as its first axes: it tells the rows of flattened tensors apart. */
  constructor(view: View, prefix: string, leading?: string) {
    this.#view = view;
    this.#prefix = prefix;
    this.#leading = view.shapes.dims(leading ?? '')?.length === 3 ? leading : undefined;
  }

  unavailable(name: string, reason: string): void {
    this.list.push({ name: this.#prefix + name, dims: [], source: { kind: 'unavailable', reason } });
  }

  derived(
    name: string,
    dims: readonly Dim[],
    from: readonly string[],
    how: string,
    recipe: Recipe,
    { site, keyed }: { readonly site?: Site | undefined; readonly keyed?: Keyed | undefined } = {},
  ): void {
    const source = { kind: 'derived', from, how } as const;
    this.list.push({
      name: this.#prefix + name,
      dims,
      source,
      recipe,
      ...(site === undefined ? {} : { site }),
      ...(keyed === undefined ? {} : { keyed }),
    });
  }

  /** Where an edit of a [batch, position, width] tensor takes hold; `within`, if the hook is inside its operator. */
  rowSite(tensor: string, within?: Site['within']): Site | undefined {
    const placed = rows(this.#view, tensor, this.#leading);
    if (placed === undefined) return undefined;
    return { placed, order: rowOrder, ...(within === undefined ? {} : { within }) };
  }

  /** A tensor of the graph as it is, or laid out as `order`. */
  tap(name: string, at: Placed, order: readonly Atom['label'][]): void {
    const isOrdered = at.axes
      .flat()
      .every(({ label }) => order.includes(label) || label === 'group' || label === 'one');
    if (!isOrdered || (at.leading === undefined && !isPlaceable(at))) {
      this.unavailable(name, 'the axes of its tensor could not be told apart');
      return;
    }
    const sizes = new Map(at.axes.flat().map((atom) => [atom.label, atom.size]));
    const dims = order.map((label) => {
      const size = sizes.get(label);
      return typeof size === 'number' && label !== 'batch' ? size : axisName[label];
    });
    this.list.push({
      name: this.#prefix + name,
      dims,
      source: { kind: 'tap', tensor: at.tensor },
      recipe: (append) => arrange(append, { ...at, tensor: append.wide(at.tensor) }, order),
      site: { placed: at, order },
    });
  }

  /** A value that may be a tensor, a recipe, or missing. */
  found(name: string, value: Found | undefined, order: readonly Atom['label'][], missing: string): void {
    if (value === undefined) this.unavailable(name, missing);
    else if (value.kind === 'placed') this.tap(name, value.placed, order);
    else {
      const { from, how, recipe, keyed } = value;
      const dims = order.map((label) => axisName[label]);
      this.derived(name, dims, from, how, recipe, { keyed });
    }
  }

  /** The [batch, position, width] form of a tensor where the graph has one, else the tensor itself. */
  unflattened(tensor: string): string {
    const at = rows(this.#view, tensor);
    return at?.tensor ?? tensor;
  }

  /** [batch, position, width], or [batch, width] behind a head that pools. */
  #wholeSite(tensor: string): Site | undefined {
    const dims = this.#view.shapes.dims(tensor);
    if (dims?.length !== 2) return this.rowSite(tensor);
    const [batch = 1, width = 1] = dims;
    const axes = whole({ label: 'batch', size: batch }, { label: 'model', size: width });
    return { placed: { tensor, axes }, order: ['batch', 'model'] };
  }

  /** [batch, position, width]. */
  row(name: string, tensor: string | undefined, missing: string): void {
    const at = tensor === undefined ? undefined : rows(this.#view, tensor, this.#leading);
    if (at === undefined) this.unavailable(name, missing);
    else this.tap(name, at, rowOrder);
  }

  /** A tensor whose axes are those it has. */
  plain(name: string, tensor: string, last: string): void {
    this.output(this.#prefix + name, tensor, last);
  }

  /** The same under a name of its own: outputs of the graph keep theirs in every part of a model. */
  output(name: string, tensor: string, last: string): void {
    if (this.list.some((draft) => draft.name === name)) return;
    const sizes = this.#view.shapes.dims(tensor) ?? [];
    const dims = sizes.map((size, axis): Dim => {
      if (axis === 0) return 'batch';
      if (typeof size === 'number') return size;
      return axis === sizes.length - 1 ? last : 'position';
    });
    const site = this.#wholeSite(tensor);
    const source = { kind: 'tap', tensor } as const;
    this.list.push({
      name,
      dims,
      source,
      recipe: () => tensor,
      ...(site === undefined ? {} : { site }),
    });
  }
}

/** A [batch, position, width] tensor, or the three-dimensional form of a flattened one. */
export function rows({ index, shapes }: View, tensor: string, leading?: string): Placed | undefined {
  let at = tensor;
  for (let steps = 0; steps < 4; steps++) {
    const axes = rowAxes(shapes.dims(at));
    if (axes !== undefined) return { tensor: at, axes };
    const node = index.producer(at);
    if (node === undefined || !isPassing(node) || node.op === 'Transpose') break;
    at = node.inputs[0] ?? '';
  }
  for (const node of index.consumers(tensor)) {
    const out = node.outputs[0] ?? '';
    const axes = node.op === 'Reshape' ? rowAxes(shapes.dims(out)) : undefined;
    if (axes !== undefined) return { tensor: out, axes };
  }
  const dims = shapes.dims(tensor);
  if (leading === undefined || dims?.length !== 2) return undefined;
  const [batch, position] = rowAxes(shapes.dims(leading)) ?? [];
  const width: Atom = { label: 'model', size: dims[1] ?? 1 };
  return { tensor, leading, axes: [[...(batch ?? []), ...(position ?? [])], [width]] };
}

function rowAxes(dims: readonly Dim[] | undefined): Axes | undefined {
  if (dims?.length !== 3) return undefined;
  const [batch = 1, position = 1, width = 1] = dims;
  return whole(
    { label: 'batch', size: batch },
    { label: 'position', size: position },
    { label: 'model', size: width },
  );
}
