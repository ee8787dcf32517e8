import { symbol } from './dim.ts';
import { GraphIndex, subgraphs } from './graph.ts';
import type { Dim, Graph, Node } from './onnx.ts';
import { elementTypeRules, shapeRules, valueRules } from './shape-rules.ts';

/** Shape arithmetic is on short lists; anything longer is data. */
const longestValue = 64;

/** No tensor has more axes; a chain of lookups in a malformed file would double them with every step. */
const mostAxes = 16;

/** What a rule sees of the node it infers for. */
export interface Inference {
  readonly node: Node;
  readonly index: GraphIndex;
  dims(input: number): readonly Dim[] | undefined;
  /** Integer contents of an input, symbols where only a run would tell. */
  value(input: number): readonly Dim[] | undefined;
  /** A size nobody knows before the run. */
  unknown(): Dim;
}

/**
 * Symbolic shapes of every tensor, from the declared inputs and the ops. Exporters rarely write inner shapes down,
 * and heads, key axes and layouts can only be told apart by them.
 */
export class Shapes {
  readonly #index: GraphIndex;
  readonly #outer: Shapes | undefined;
  readonly #dims = new Map<string, readonly Dim[]>();
  readonly #values = new Map<string, readonly Dim[]>();
  readonly #types = new Map<string, string>();
  readonly #inner = new Map<Graph, Shapes>();
  #unknowns = 0;

  constructor(index: GraphIndex, outer?: Shapes) {
    this.#index = index;
    this.#outer = outer;
    const { graph } = index;
    const declared = new Map<string, readonly Dim[]>();
    for (const value of [...graph.outputs, ...graph.inner, ...graph.inputs]) {
      if (value.type !== 'undefined') this.#types.set(value.name, value.type);
      if (value.dims)
        declared.set(
          value.name,
          value.dims.map((dim) => this.#named(dim)),
        );
    }
    for (const input of graph.inputs) {
      const dims = declared.get(input.name);
      if (dims) this.#dims.set(input.name, dims);
    }
    for (const node of index.nodes) this.#infer(node, declared);
  }

  #named(dim: Dim): Dim {
    if (typeof dim === 'number' && dim >= 0) return dim;
    return dim === '' || typeof dim === 'number' ? this.#unknown() : symbol(dim);
  }

  #unknown(): Dim {
    this.#unknowns++;
    return `?${this.#unknowns}`;
  }

  #infer(node: Node, declared: ReadonlyMap<string, readonly Dim[]>): void {
    const about: Inference = {
      node,
      index: this.#index,
      dims: (input) => this.dims(node.inputs[input] ?? ''),
      value: (input) => this.value(node.inputs[input] ?? ''),
      unknown: () => this.#unknown(),
    };
    const inferred = node.op === 'If' ? this.#branches(node) : (shapeRules[node.op]?.(about) ?? []);
    for (const [position, output] of node.outputs.entries()) {
      if (output === '') continue;
      const dims = inferred[position] ?? declared.get(output);
      if (dims !== undefined && dims.length <= mostAxes) this.#dims.set(output, dims);
      const rule = elementTypeRules[node.op]?.(node, position) ?? 0;
      const type =
        node.op === 'If'
          ? this.#branchType(node, position)
          : typeof rule === 'string'
            ? rule
            : this.type(node.inputs[rule] ?? '');
      if (type !== undefined && !this.#types.has(output)) this.#types.set(output, type);
    }
    const value = valueRules[node.op]?.(about);
    const first = node.outputs[0];
    if (value && first !== undefined && value.length <= longestValue) this.#values.set(first, value);
  }

  /** Shapes of a graph inside a node of this one. */
  of(graph: Graph): Shapes {
    if (graph === this.#index.graph) return this;
    const known = this.#inner.get(graph);
    if (known !== undefined) return known;
    const made = new Shapes(new GraphIndex(this.#index.model, graph, this.#index), this);
    this.#inner.set(graph, made);
    return made;
  }

  /** Where all branches of an `If` give a tensor of one rank: the sizes in which they agree. */
  #branches(node: Node): readonly (readonly Dim[] | undefined)[] {
    const graphs = subgraphs(node);
    return node.outputs.map((_, position) => {
      const [first, ...rest] = graphs.map((graph) =>
        this.of(graph).dims(graph.outputs[position]?.name ?? ''),
      );
      if (first === undefined || rest.some((each) => each?.length !== first.length)) return undefined;
      return first.map((size, axis) =>
        rest.every((each) => each?.[axis] === size) ? size : this.#unknown(),
      );
    });
  }

  #branchType(node: Node, position: number): string | undefined {
    const [graph] = subgraphs(node);
    return graph === undefined ? undefined : this.of(graph).type(graph.outputs[position]?.name ?? '');
  }

  /** Sizes of a tensor, undefined where the rank itself is unknown. */
  dims(tensor: string): readonly Dim[] | undefined {
    return this.#dims.get(tensor) ?? this.#index.constantDims(tensor) ?? this.#outer?.dims(tensor);
  }

  /** An input that has the same size, as far as the graph calls both by one name. */
  inputAlike(tensor: string, axis: number): { readonly tensor: string; readonly axis: number } | undefined {
    const size = this.dims(tensor)?.[axis];
    if (typeof size !== 'string') return undefined;
    for (const { name, dims } of this.#index.graph.inputs) {
      const at = dims?.indexOf(size) ?? -1;
      if (at >= 0) return { tensor: name, axis: at };
    }
    return undefined;
  }

  /** Contents of a small integer tensor. */
  value(tensor: string): readonly Dim[] | undefined {
    const known = this.#values.get(tensor);
    if (known !== undefined) return known;
    const numbers = this.#index.numbers(tensor);
    if (numbers !== undefined) return numbers.length <= longestValue ? numbers : undefined;
    return this.#outer?.value(tensor);
  }

  /** Element type, as far as it can be told. */
  type(tensor: string): string | undefined {
    return this.#types.get(tensor) ?? this.#index.constant(tensor)?.type ?? this.#outer?.type(tensor);
  }
}
