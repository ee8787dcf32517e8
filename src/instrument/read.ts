import { SondeError } from '../shared/errors.ts';
import {
  type Attribute,
  type Constant,
  type Dim,
  elementType,
  type Graph,
  type LocalFunction,
  type Model,
  type Node,
  smallestWeight,
  type ValueInfo,
} from './onnx.ts';
import { type Field, fields, floats, integers, invalidModel, type Span, text } from './wire.ts';

/** If inside Loop inside If is real; a hundred levels are an attack on the stack. */
const deepest = 32;

/** Bytes of an integer list worth decoding. */
const largestList = 16_384;

const only = (field: Field, wire: number): Field => {
  if (field.wire !== wire) throw invalidModel(`field ${field.number} has wire type ${field.wire}`);
  return field;
};

function readExternal(bytes: Uint8Array, entries: readonly Span[]): Constant['external'] {
  const pairs = new Map<string, string>();
  for (const entry of entries) {
    let key = '';
    let value = '';
    for (const field of fields(bytes, entry)) {
      if (field.number === 1) key = text(bytes, only(field, 2).body);
      else if (field.number === 2) value = text(bytes, only(field, 2).body);
    }
    pairs.set(key, value);
  }
  const location = pairs.get('location');
  if (location === undefined || location === '') throw invalidModel('external data without a location');
  const offset = Number(pairs.get('offset') ?? 0);
  const length = pairs.get('length');
  if (!Number.isSafeInteger(offset) || offset < 0) throw invalidModel('external data at a negative offset');
  return length === undefined ? { location, offset } : { location, offset, length: Number(length) };
}

/** Fields whose packed payload is the little-endian elements themselves. */
const floatPayload = new Set([4, 9, 10]);
const varintPayload = new Set([5, 7, 11]);

function readTensor(bytes: Uint8Array, span: Span): Constant {
  const dims: number[] = [];
  const payload: Span[] = [];
  const counted: Field[] = [];
  const entries: Span[] = [];
  let type = 0;
  let name = '';
  let isExternal = false;
  for (const field of fields(bytes, span)) {
    if (field.number === 1) integers(bytes, field, dims);
    else if (field.number === 2) type = only(field, 0).value;
    else if (field.number === 8) name = text(bytes, only(field, 2).body);
    else if (field.number === 13) entries.push(only(field, 2).body);
    else if (field.number === 14) isExternal = only(field, 0).value === 1;
    else if (floatPayload.has(field.number)) payload.push(field.body);
    else if (varintPayload.has(field.number)) counted.push(field);
  }
  if (dims.some((size) => size < 0)) throw invalidModel(`tensor ${name} has a negative size`);
  const tensor = { name, type: elementType(type), dims, span };
  if (isExternal) return { ...tensor, external: readExternal(bytes, entries) ?? { location: '', offset: 0 } };
  const [data, second] = payload;
  if (data !== undefined && second === undefined) return { ...tensor, data };
  const values: number[] = [];
  // Large integer lists are weights too; only what can be a shape or an axis is worth decoding.
  for (const field of counted) {
    const isLarge = field.body.end - field.body.start > largestList || values.length > largestList;
    if (isLarge) return { ...tensor };
    integers(bytes, field, values);
  }
  if (counted.length === 0 && payload.length > 1) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const piece of payload)
      if (piece.end - piece.start === 4) values.push(view.getFloat32(piece.start, true));
  }
  return { ...tensor, values };
}

function readAttribute(bytes: Uint8Array, span: Span, depth: number): Attribute {
  const attribute: { -readonly [Key in keyof Attribute]: Attribute[Key] } = {
    name: '',
    span,
    floats: [],
    ints: [],
  };
  const listedFloats: number[] = [];
  const listedInts: number[] = [];
  for (const field of fields(bytes, span)) {
    if (field.number === 1) attribute.name = text(bytes, only(field, 2).body);
    else if (field.number === 2) {
      const one: number[] = [];
      floats(bytes, only(field, 5), one);
      attribute.float = one[0] ?? 0;
    } else if (field.number === 3) attribute.int = only(field, 0).value;
    else if (field.number === 4) attribute.string = text(bytes, only(field, 2).body);
    else if (field.number === 5) attribute.tensor = readTensor(bytes, only(field, 2).body);
    else if (field.number === 6) attribute.graph = readGraph(bytes, only(field, 2).body, depth + 1);
    else if (field.number === 7) floats(bytes, field, listedFloats);
    else if (field.number === 8) integers(bytes, field, listedInts);
    else if (field.number === 21) attribute.reference = text(bytes, only(field, 2).body);
  }
  attribute.floats = listedFloats;
  attribute.ints = listedInts;
  return attribute;
}

function readNode(bytes: Uint8Array, span: Span, depth: number): Node {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, Attribute>();
  let op = '';
  let domain = '';
  let overload = '';
  let name = '';
  for (const field of fields(bytes, span)) {
    if (field.number === 1) inputs.push(text(bytes, only(field, 2).body));
    else if (field.number === 2) outputs.push(text(bytes, only(field, 2).body));
    else if (field.number === 3) name = text(bytes, only(field, 2).body);
    else if (field.number === 4) op = text(bytes, only(field, 2).body);
    else if (field.number === 7) domain = text(bytes, only(field, 2).body);
    else if (field.number === 8) overload = text(bytes, only(field, 2).body);
    else if (field.number === 5) {
      const attribute = readAttribute(bytes, only(field, 2).body, depth);
      attributes.set(attribute.name, attribute);
    }
  }
  if (domain === 'ai.onnx') domain = '';
  return { op, domain, overload, name, inputs, outputs, attributes, span };
}

function readDims(bytes: Uint8Array, shape: Span): Dim[] {
  const dims: Dim[] = [];
  for (const field of fields(bytes, shape)) {
    if (field.number !== 1) continue;
    let dim: Dim = '';
    for (const part of fields(bytes, only(field, 2).body)) {
      if (part.number === 1) dim = only(part, 0).value;
      else if (part.number === 2) dim = text(bytes, only(part, 2).body);
    }
    dims.push(dim);
  }
  return dims;
}

function readValue(bytes: Uint8Array, span: Span): ValueInfo {
  let name = '';
  let type = 'undefined';
  let dims: Dim[] | undefined;
  for (const field of fields(bytes, span)) {
    if (field.number === 1) name = text(bytes, only(field, 2).body);
    else if (field.number === 2) {
      for (const kind of fields(bytes, only(field, 2).body)) {
        if (kind.number !== 1) continue;
        for (const part of fields(bytes, only(kind, 2).body)) {
          if (part.number === 1) type = elementType(only(part, 0).value);
          else if (part.number === 2) dims = readDims(bytes, only(part, 2).body);
        }
      }
    }
  }
  return dims === undefined ? { name, type, span } : { name, type, dims, span };
}

/** Some exporters store weights as Constant nodes; from here on they are initializers like any other. */
function largeConstant({ op, domain, attributes, outputs, span }: Node): Constant | undefined {
  const [name] = outputs;
  const stored = op === 'Constant' && domain === '' ? attributes.get('value')?.tensor : undefined;
  if (stored === undefined || name === undefined) return undefined;
  const { data, external } = stored;
  const isLarge = external !== undefined || (data !== undefined && data.end - data.start >= smallestWeight);
  return isLarge ? { ...stored, name, span } : undefined;
}

function readGraph(bytes: Uint8Array, span: Span, depth: number): Graph {
  if (depth > deepest) throw invalidModel(`graphs are nested more than ${deepest} deep`);
  const nodes: Node[] = [];
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const inner: ValueInfo[] = [];
  const initializers = new Map<string, Constant>();
  let name = '';
  for (const field of fields(bytes, span)) {
    if (field.number === 1) {
      const node = readNode(bytes, only(field, 2).body, depth);
      const weight = largeConstant(node);
      if (weight === undefined) nodes.push(node);
      else initializers.set(weight.name, weight);
    } else if (field.number === 2) name = text(bytes, only(field, 2).body);
    else if (field.number === 5) {
      const tensor = readTensor(bytes, only(field, 2).body);
      initializers.set(tensor.name, tensor);
    } else if (field.number === 11) inputs.push(readValue(bytes, only(field, 2).body));
    else if (field.number === 12) outputs.push(readValue(bytes, only(field, 2).body));
    else if (field.number === 13) inner.push(readValue(bytes, only(field, 2).body));
  }
  return { name, nodes, inputs, outputs, inner, initializers, span };
}

function readOpset(bytes: Uint8Array, span: Span, into: Map<string, number>): void {
  let domain = '';
  let version = 0;
  for (const part of fields(bytes, span)) {
    if (part.number === 1) domain = text(bytes, only(part, 2).body);
    else if (part.number === 2) version = only(part, 0).value;
  }
  into.set(domain === 'ai.onnx' ? '' : domain, version);
}

function readFunction(bytes: Uint8Array, span: Span): LocalFunction {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const nodes: Node[] = [];
  const defaults = new Map<string, Attribute>();
  const opsets = new Map<string, number>();
  let [name, domain, overload] = ['', '', ''];
  for (const field of fields(bytes, span)) {
    if (field.number === 1) name = text(bytes, only(field, 2).body);
    else if (field.number === 4) inputs.push(text(bytes, only(field, 2).body));
    else if (field.number === 5) outputs.push(text(bytes, only(field, 2).body));
    else if (field.number === 7) nodes.push(readNode(bytes, only(field, 2).body, 1));
    else if (field.number === 9) readOpset(bytes, only(field, 2).body, opsets);
    else if (field.number === 10) domain = text(bytes, only(field, 2).body);
    else if (field.number === 11) {
      const attribute = readAttribute(bytes, only(field, 2).body, 1);
      defaults.set(attribute.name, attribute);
    } else if (field.number === 13) overload = text(bytes, only(field, 2).body);
  }
  return { name, domain, overload, inputs, outputs, defaults, opsets, nodes };
}

/**
 * The graph of an ONNX file. Weights stay where they are: only spans of them are kept.
 * @throws SondeError `model_invalid`
 */
export function readModel(bytes: Uint8Array, external: ReadonlyMap<string, Uint8Array> = new Map()): Model {
  if (bytes.length === 0) throw invalidModel('it is empty');
  if (bytes.length >= 2 ** 31) {
    throw new SondeError(
      'model_invalid',
      'This ONNX file is larger than 2 GB, which a protobuf message cannot be.',
      'Use an export whose weights are external data (model.onnx beside model.onnx_data).',
    );
  }
  const opsets = new Map<string, number>();
  const functions: LocalFunction[] = [];
  let producer = '';
  let graph: Graph | undefined;
  for (const field of fields(bytes, { start: 0, end: bytes.length })) {
    if (field.number === 2) producer = text(bytes, only(field, 2).body);
    else if (field.number === 7) graph = readGraph(bytes, only(field, 2).body, 0);
    else if (field.number === 25) functions.push(readFunction(bytes, only(field, 2).body));
    else if (field.number === 8) readOpset(bytes, only(field, 2).body, opsets);
  }
  if (graph === undefined) throw invalidModel('it holds no graph');
  if (graph.nodes.length === 0 && graph.outputs.length === 0) throw invalidModel('its graph is empty');
  return { bytes, external, producer, opsets, graph, functions };
}
