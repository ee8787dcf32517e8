import type { FloatTensor } from '../shared/tensor.ts';
import { dataOf } from './graph.ts';
import type { Weight, WeightsAs } from './instrumented.ts';
import { type Constant, elementCode, type Graph, type Model, type Node } from './onnx.ts';
import { fields, type Span, Writer } from './wire.ts';

/** What is changed in one graph; everything not named here is copied byte by byte. */
export interface GraphChange {
  /** Initializers that leave the graph's bytes, by name. */
  readonly weights: ReadonlyMap<string, Weight>;
  /** Where they go: a reference to the file, or nothing, because they become graph inputs. */
  readonly weightsAs: WeightsAs;
  /** New names for tensors where nodes make them. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Nodes at the end, and nodes right behind one of the graph's own. */
  readonly nodes: readonly Writer[];
  readonly behind: ReadonlyMap<Node, readonly Writer[]>;
  readonly initializers: readonly Writer[];
  readonly inputs: readonly Writer[];
  readonly outputs: readonly Writer[];
  /** Changes to graphs inside nodes, and outputs that those nodes gain. */
  readonly inner: ReadonlyMap<Graph, GraphChange>;
  readonly gained: ReadonlyMap<Node, readonly string[]>;
}

const slice = (bytes: Uint8Array, span: Span): Uint8Array => bytes.subarray(span.start, span.end);

function writeNode(model: Model, node: Node, change: GraphChange): Writer {
  const { bytes } = model;
  const out = new Writer();
  let output = 0;
  for (const field of fields(bytes, node.span)) {
    if (field.number === 2) {
      const name = node.outputs[output++] ?? '';
      out.text(2, change.renamed.get(name) ?? name);
    } else if (field.number === 5) {
      const attribute = [...node.attributes.values()].find((each) => each.span.start === field.body.start);
      const inner = attribute?.graph === undefined ? undefined : change.inner.get(attribute.graph);
      if (attribute?.graph === undefined || inner === undefined) out.bytes(slice(bytes, field));
      else {
        const written = new Writer();
        for (const part of fields(bytes, attribute.span)) {
          if (part.number === 6) written.message(6, writeGraph(model, attribute.graph, inner));
          else written.bytes(slice(bytes, part));
        }
        out.message(5, written);
      }
    } else out.bytes(slice(bytes, field));
  }
  for (const name of change.gained.get(node) ?? []) out.text(2, name);
  return out;
}

const isTouched = (node: Node, change: GraphChange): boolean =>
  change.gained.has(node) ||
  node.outputs.some((output) => change.renamed.has(output)) ||
  [...node.attributes.values()].some((each) => each.graph !== undefined && change.inner.has(each.graph));

/** TensorProto whose bytes are `length` bytes at `offset` of another file. */
export function writeExternal(weight: Weight): Writer {
  const out = new Writer();
  for (const size of weight.dims) out.integer(1, size);
  out.integer(2, elementCode(weight.type)).text(8, weight.name);
  const entry = (key: string, value: string): Writer => new Writer().text(1, key).text(2, value);
  return out
    .message(13, entry('location', weight.file))
    .message(13, entry('offset', String(weight.offset)))
    .message(13, entry('length', String(weight.length)))
    .integer(14, 1);
}

/** A float32 constant that the model did not have. */
export function writeConstant(name: string, { dims, data }: FloatTensor): Writer {
  const out = new Writer();
  for (const size of dims) out.integer(1, size);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return out.integer(2, elementCode('float')).text(8, name).block(9, bytes);
}

/** A constant of another file that is no weight, with its bytes: a graph whose weights are fed needs no file. */
function writeInline(model: Model, constant: Constant): Writer | undefined {
  const data = constant.external === undefined ? undefined : dataOf(model, constant);
  if (data === undefined) return undefined;
  const out = new Writer();
  for (const size of constant.dims) out.integer(1, size);
  return out.integer(2, elementCode(constant.type)).text(8, constant.name).block(9, data);
}

function writeGraph(model: Model, graph: Graph, change: GraphChange): Writer {
  const { bytes } = model;
  const out = new Writer();
  const nodeAt = new Map(graph.nodes.map((node) => [node.span.start, node]));
  const constantAt = new Map([...graph.initializers.values()].map((each) => [each.span.start, each]));
  for (const field of fields(bytes, graph.span)) {
    const node = field.number === 1 ? nodeAt.get(field.body.start) : undefined;
    const stored = field.number === 1 || field.number === 5 ? constantAt.get(field.body.start) : undefined;
    if (node !== undefined && isTouched(node, change)) out.message(1, writeNode(model, node, change));
    else if (stored !== undefined) {
      const weight = change.weights.get(stored.name);
      const mayInline = weight === undefined && change.weightsAs !== 'published';
      const inlined = mayInline ? writeInline(model, stored) : undefined;
      if (inlined !== undefined) out.message(5, inlined);
      else if (weight === undefined) out.bytes(slice(bytes, field));
      else if (change.weightsAs === 'external') out.message(5, writeExternal(weight));
    } else out.bytes(slice(bytes, field));
    for (const added of (node && change.behind.get(node)) ?? []) out.message(1, added);
  }
  for (const node of change.nodes) out.message(1, node);
  for (const initializer of change.initializers) out.message(5, initializer);
  for (const input of change.inputs) out.message(11, input);
  for (const output of change.outputs) out.message(12, output);
  return out;
}

/** The model with its graph changed. Fields nobody knows are kept. */
export function writeModel(
  model: Model,
  change: GraphChange,
  imports: readonly string[],
): Uint8Array<ArrayBuffer> {
  const out = new Writer();
  for (const field of fields(model.bytes, { start: 0, end: model.bytes.length })) {
    if (field.number === 7) out.message(7, writeGraph(model, model.graph, change));
    else out.bytes(slice(model.bytes, field));
  }
  for (const domain of imports) out.message(8, new Writer().text(1, domain).integer(2, 1));
  return out.finish();
}
