import { halfToFloat } from '../shared/half.ts';
import { type Attribute, byteLength, type Constant, type Graph, type Model, type Node } from './onnx.ts';
import { invalidModel } from './wire.ts';

/** Largest constant that is worth decoding: shapes, axes, epsilons, small tables. */
const largestDecoded = 1024;

/** Names that the graphs inside a node take from outside. */
function freeNames(graph: Graph): Set<string> {
  const free = new Set<string>();
  const bound = new Set<string>([...graph.initializers.keys(), ...graph.inputs.map((input) => input.name)]);
  for (const node of graph.nodes) for (const output of node.outputs) bound.add(output);
  for (const node of graph.nodes) {
    for (const input of node.inputs) if (input !== '' && !bound.has(input)) free.add(input);
    for (const inner of subgraphs(node))
      for (const name of freeNames(inner)) if (!bound.has(name)) free.add(name);
  }
  for (const output of graph.outputs) if (!bound.has(output.name)) free.add(output.name);
  return free;
}

export function subgraphs(node: Node): Graph[] {
  const graphs: Graph[] = [];
  for (const attribute of node.attributes.values()) if (attribute.graph) graphs.push(attribute.graph);
  return graphs;
}

/** One graph with its edges: who makes a tensor, who reads it, what is constant, what comes before what. */
export class GraphIndex {
  readonly model: Model;
  readonly graph: Graph;
  /** The graph around this one, for the branch of an `If`. */
  readonly outer: GraphIndex | undefined;
  /** The nodes, each after everything it reads. */
  readonly nodes: readonly Node[];
  /** What the graphs inside a node take from this one, for the nodes that hold any. */
  readonly #captured = new Map<Node, readonly string[]>();
  readonly #producer = new Map<string, Node>();
  readonly #consumers = new Map<string, Node[]>();
  readonly #position = new Map<Node, number>();
  readonly #constant = new Set<string>();
  readonly #outputs: ReadonlySet<string>;

  constructor(model: Model, graph: Graph, outer?: GraphIndex) {
    this.model = model;
    this.graph = graph;
    this.outer = outer;
    this.#outputs = new Set(graph.outputs.map((output) => output.name));
    for (const node of graph.nodes) {
      const inner = subgraphs(node);
      if (inner.length > 0)
        this.#captured.set(node, [...new Set(inner.flatMap((each) => [...freeNames(each)]))]);
      for (const output of node.outputs) {
        if (output === '') continue;
        if (this.#producer.has(output)) throw invalidModel(`two nodes make the tensor ${output}`);
        this.#producer.set(output, node);
      }
    }
    this.nodes = this.#sort();
    for (const [position, node] of this.nodes.entries()) {
      this.#position.set(node, position);
      for (const input of new Set(this.inputsOf(node))) if (input !== '') this.#read(input, node);
      this.#noteConstant(node);
    }
  }

  #read(tensor: string, node: Node): void {
    const known = this.#consumers.get(tensor);
    if (known) known.push(node);
    else this.#consumers.set(tensor, [node]);
  }

  #noteConstant(node: Node): void {
    const fed = this.valuesOf(node).filter((input) => input !== '');
    const random = node.op.startsWith('Random') || node.op === 'Multinomial' || node.op === 'Bernoulli';
    const isShape =
      (node.op === 'Shape' || node.op === 'Size') && !node.inputs.every((input) => this.isConstant(input));
    if (random || isShape || subgraphs(node).length > 0) return;
    if (fed.every((input) => this.isConstant(input)))
      for (const output of node.outputs) this.#constant.add(output);
  }

  /** Kahn's algorithm: ONNX asks for sorted nodes, files do not always obey, and a cycle must not hang us. */
  #sort(): Node[] {
    const waiting = new Map<Node, number>();
    const unlocks = new Map<string, Node[]>();
    const ready: Node[] = [];
    for (const node of this.graph.nodes) {
      const needs = new Set(this.inputsOf(node));
      let count = 0;
      for (const name of needs) {
        if (!this.#producer.has(name)) continue;
        count++;
        const list = unlocks.get(name);
        if (list) list.push(node);
        else unlocks.set(name, [node]);
      }
      waiting.set(node, count);
      if (count === 0) ready.push(node);
    }
    const sorted: Node[] = [];
    for (let at = 0; at < ready.length; at++) {
      const node = ready[at];
      if (node === undefined) break;
      sorted.push(node);
      for (const output of node.outputs) {
        for (const next of unlocks.get(output) ?? []) {
          const left = (waiting.get(next) ?? 0) - 1;
          waiting.set(next, left);
          if (left === 0) ready.push(next);
        }
      }
    }
    if (sorted.length !== this.graph.nodes.length) throw invalidModel('its graph has a cycle');
    return sorted;
  }

  /** What the node reads: its own inputs, and what the graphs inside it take from around them. */
  inputsOf(node: Node): readonly string[] {
    const captured = this.#captured.get(node);
    return captured === undefined ? node.inputs : [...node.inputs, ...captured];
  }

  /** What the values of a node's outputs follow from: a shape or a type that is read off a tensor is none of it. */
  valuesOf(node: Node): readonly string[] {
    if (node.op === 'Shape' || node.op === 'Size') return [];
    return node.op === 'CastLike' ? node.inputs.slice(0, 1) : this.inputsOf(node);
  }

  producer(tensor: string): Node | undefined {
    return this.#producer.get(tensor);
  }

  consumers(tensor: string): readonly Node[] {
    return this.#consumers.get(tensor) ?? [];
  }

  isOutput(tensor: string): boolean {
    return this.#outputs.has(tensor);
  }

  /** Place in the sorted order; -1 for what no node makes. */
  position(tensor: string): number {
    const node = this.#producer.get(tensor);
    return node === undefined ? -1 : (this.#position.get(node) ?? -1);
  }

  /** Does the tensor depend on nothing that is fed? */
  isConstant(tensor: string): boolean {
    if (this.#constant.has(tensor)) return true;
    if (this.#producer.has(tensor)) return false;
    // An initializer that is also an input can be overridden, but nobody does: exporters before IR 4 list all.
    return this.graph.initializers.has(tensor) || (this.outer?.isConstant(tensor) ?? false);
  }

  /** The stored tensor behind a name: an initializer, or the value of a Constant node. */
  constant(tensor: string): Constant | undefined {
    const node = this.#producer.get(tensor);
    if (node !== undefined) {
      if (node.op === 'Constant') return node.attributes.get('value')?.tensor;
      return node.op === 'Identity' ? this.constant(node.inputs[0] ?? '') : undefined;
    }
    return this.graph.initializers.get(tensor) ?? this.outer?.constant(tensor);
  }

  /** Sizes of a constant where they are written down. */
  constantDims(tensor: string): readonly number[] | undefined {
    return this.constant(tensor)?.dims ?? (this.numbers(tensor) === undefined ? undefined : []);
  }

  /** The elements of a small constant. */
  numbers(tensor: string): readonly number[] | undefined {
    const node = this.#producer.get(tensor);
    if (node?.op === 'Constant') {
      const { attributes } = node;
      const list = attributes.get('value_ints')?.ints ?? attributes.get('value_floats')?.floats;
      if (list !== undefined) return list;
      const single = attributes.get('value_int')?.int ?? attributes.get('value_float')?.float;
      if (single !== undefined) return [single];
    }
    const stored = this.constant(tensor);
    return stored === undefined ? undefined : decode(this.model, stored);
  }

  decode(tensor: Constant): readonly number[] | undefined {
    return decode(this.model, tensor);
  }

  /** A norm operator gives the sum it normalises as another output; the norm depends on the sum all the same. */
  #normalises(tensor: string, sum: string): boolean {
    const node = this.#producer.get(tensor);
    return node?.op.startsWith('Skip') === true && node.outputs[0] === tensor && node.outputs[3] === sum;
  }

  /**
   * Do the values of `tensor` depend on those of `ancestor`? (Its shape does not count: position ids are often
   * made from the shape of the embeddings.) Bounded by the sorted order, so it stays near.
   */
  dependsOn(tensor: string, ancestor: string): boolean {
    if (tensor === ancestor) return true;
    const limit = this.position(ancestor);
    const seen = new Set<string>();
    const queue = [tensor];
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      if (name === ancestor || this.#normalises(name, ancestor)) return true;
      if (seen.has(name) || this.position(name) <= limit) continue;
      seen.add(name);
      const node = this.#producer.get(name);
      if (node !== undefined) queue.push(...this.valuesOf(node));
    }
    return false;
  }
}

export const intOf = (node: Node, name: string): number | undefined => node.attributes.get(name)?.int;
export const floatOf = (node: Node, name: string): number | undefined => node.attributes.get(name)?.float;
export const intsOf = (node: Node, name: string): readonly number[] | undefined => {
  const attribute: Attribute | undefined = node.attributes.get(name);
  return attribute === undefined ? undefined : attribute.ints;
};

/** The little-endian elements of a tensor, in whichever file they lie. */
export function dataOf(model: Model, { data, external, dims, type }: Constant): Uint8Array | undefined {
  if (data !== undefined) return model.bytes.subarray(data.start, data.end);
  const file = external === undefined ? undefined : model.external.get(external.location);
  if (file === undefined || external === undefined) return undefined;
  const length = external.length ?? byteLength(dims, type);
  return file.subarray(external.offset, external.offset + length);
}

function decode(model: Model, tensor: Constant): readonly number[] | undefined {
  const count = tensor.dims.reduce((product, size) => product * size, 1);
  if (count > largestDecoded) return undefined;
  if (tensor.values !== undefined) {
    return tensor.type === 'float16' ? tensor.values.map(halfToFloat) : tensor.values;
  }
  const bytes = dataOf(model, tensor);
  if (bytes === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = readers[tensor.type];
  if (read === undefined || count * read.size > view.byteLength) return undefined;
  return Array.from({ length: count }, (_, index) => read.at(view, index * read.size));
}

const readers: Readonly<Record<string, { size: number; at: (view: DataView, offset: number) => number }>> = {
  float: { size: 4, at: (view, offset) => view.getFloat32(offset, true) },
  double: { size: 8, at: (view, offset) => view.getFloat64(offset, true) },
  float16: { size: 2, at: (view, offset) => halfToFloat(view.getUint16(offset, true)) },
  int64: { size: 8, at: (view, offset) => Number(view.getBigInt64(offset, true)) },
  int32: { size: 4, at: (view, offset) => view.getInt32(offset, true) },
  int8: { size: 1, at: (view, offset) => view.getInt8(offset) },
  uint8: { size: 1, at: (view, offset) => view.getUint8(offset) },
  bool: { size: 1, at: (view, offset) => view.getUint8(offset) },
};
