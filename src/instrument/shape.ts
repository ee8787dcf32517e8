import { symbol } from './dim.ts';
import type { GraphIndex } from './graph.ts';
import type { Dim, Node } from './onnx.ts';
import { elementTypeRules, shapeRules, valueRules } from './shape-rules.ts';

/** Shape arithmetic is on short lists; anything longer is data. */
const longestValue = 64;

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
    const inferred = shapeRules[node.op]?.(about) ?? [];
    for (const [position, output] of node.outputs.entries()) {
      if (output === '') continue;
      const dims = inferred[position] ?? declared.get(output);
      if (dims) this.#dims.set(output, dims);
      const rule = elementTypeRules[node.op]?.(node, position) ?? 0;
      const type = typeof rule === 'string' ? rule : this.type(node.inputs[rule] ?? '');
      if (type !== undefined && !this.#types.has(output)) this.#types.set(output, type);
    }
    const value = valueRules[node.op]?.(about);
    const first = node.outputs[0];
    if (value && first !== undefined && value.length <= longestValue) this.#values.set(first, value);
  }

  /** Sizes of a tensor, undefined where the rank itself is unknown. */
  dims(tensor: string): readonly Dim[] | undefined {
    return this.#dims.get(tensor) ?? this.#index.constantDims(tensor) ?? this.#outer?.dims(tensor);
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
