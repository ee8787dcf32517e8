import { subgraphs } from './graph.ts';
import type { Attribute, Graph, LocalFunction, Model, Node } from './onnx.ts';
import { weightOf } from './weights.ts';
import { type Field, fields, invalidModel, type Span, text, Writer } from './wire.ts';
import { writeExternal } from './write.ts';

/** What a tensor is called where a body is copied to. '' stays: it is an optional tensor left out. */
type Rename = (name: string) => string;

/** Names and attributes of the place that a node is copied to. */
interface Place {
  readonly rename: Rename;
  /** Put before the names of nodes. */
  readonly prefix: string;
  /** Attributes of the call, by name; undefined where no function is being copied. */
  readonly given: ReadonlyMap<string, Attribute> | undefined;
}

/** Functions may call functions, but not for ever. */
const deepest = 32;
/** A chain of functions that each call the next one twice doubles with every link. */
const mostNodes = 20_000;

const keyOf = (domain: string, name: string, overload: string): string =>
  JSON.stringify([domain, name, overload]);

function tensorNames(graph: Graph, into: Set<string>): Set<string> {
  for (const { name } of [...graph.inputs, ...graph.initializers.values()]) into.add(name);
  for (const node of graph.nodes) {
    for (const output of node.outputs) into.add(output);
    for (const inner of subgraphs(node)) tensorNames(inner, into);
  }
  return into;
}

/** Copies a model with every call of its own functions replaced by the function's nodes. */
class Inliner {
  readonly #model: Model;
  readonly #file: string;
  readonly #functions: ReadonlyMap<string, LocalFunction>;
  readonly #taken: Set<string>;

  constructor(model: Model, file: string) {
    this.#model = model;
    this.#file = file;
    this.#functions = new Map(
      model.functions.map((each) => [keyOf(each.domain, each.name, each.overload), each]),
    );
    this.#taken = tensorNames(model.graph, new Set());
  }

  #called({ domain, op, overload }: Node): LocalFunction | undefined {
    return this.#functions.get(keyOf(domain, op, overload));
  }

  #fresh(wanted: string): string {
    let name = wanted;
    while (this.#taken.has(name)) name += "'";
    this.#taken.add(name);
    return name;
  }

  /** The message in `span` with one of its strings renamed. */
  #message(span: Span, number: number, rename: Rename): Writer {
    const { bytes } = this.#model;
    const out = new Writer();
    for (const field of fields(bytes, span)) {
      if (field.number === number) out.text(number, rename(text(bytes, field.body)));
      else out.bytes(bytes.subarray(field.start, field.end));
    }
    return out;
  }

  /** How many nodes these come to when every call among them is unfolded. */
  #count(nodes: readonly Node[], depth: number, known: Map<LocalFunction, number>): number {
    if (depth > deepest) throw invalidModel('its functions call each other too deeply, or in a circle');
    let count = 0;
    for (const node of nodes) {
      const called = this.#called(node);
      const size =
        called === undefined ? 1 : (known.get(called) ?? this.#count(called.nodes, depth + 1, known));
      if (called !== undefined) known.set(called, size);
      count += size;
      for (const { nodes: inner } of subgraphs(node)) count += this.#count(inner, depth + 1, known);
      if (count > mostNodes) throw invalidModel(`its functions unfold to over ${mostNodes} nodes`);
    }
    return count;
  }

  /** @throws SondeError `model_invalid` */
  model(): Writer {
    const { graph } = this.#model;
    this.#count(graph.nodes, 0, new Map());
    return this.#graph(graph, { rename: (name) => name, prefix: '', given: undefined });
  }

  #graph(graph: Graph, place: Place): Writer {
    const { bytes } = this.#model;
    const out = new Writer();
    const nodeAt = new Map(graph.nodes.map((node) => [node.span.start, node]));
    const storedAt = new Map([...graph.initializers.values()].map((each) => [each.span.start, each]));
    for (const field of fields(bytes, graph.span)) {
      const node = field.number === 1 ? nodeAt.get(field.body.start) : undefined;
      const stored = field.number === 1 || field.number === 5 ? storedAt.get(field.body.start) : undefined;
      if (node !== undefined) this.#node(out, node, place);
      else if (stored !== undefined) {
        const weight = weightOf(stored, this.#file);
        if (weight !== undefined)
          out.message(5, writeExternal({ ...weight, name: place.rename(weight.name) }));
        else this.#named(out, field, field.number === 5 ? 8 : 2, place.rename);
      } else if (field.number >= 11 && field.number <= 13) this.#named(out, field, 1, place.rename);
      else out.bytes(bytes.subarray(field.start, field.end));
    }
    return out;
  }

  #named(out: Writer, field: Field, number: number, rename: Rename): void {
    out.message(field.number, this.#message(field.body, number, rename));
  }

  #node(out: Writer, node: Node, place: Place): void {
    const called = this.#called(node);
    if (called !== undefined) this.#body(out, node, called, place);
    else if (place.given === undefined) out.message(1, this.#copy(node, place));
    else {
      const stored = node.op === 'Constant' ? node.attributes.get('value')?.tensor : undefined;
      const weight = stored === undefined ? undefined : weightOf(stored, this.#file);
      const name = place.rename(node.outputs[0] ?? '');
      if (weight !== undefined) out.message(5, writeExternal({ ...weight, name }));
      else out.message(1, this.#copy(node, place));
    }
  }

  /** The nodes of a function under names of their own; what it is given and gives has the caller's names. */
  #body(out: Writer, call: Node, { name, inputs, outputs, nodes, defaults }: LocalFunction, at: Place): void {
    const prefix = `${at.prefix}${call.name === '' ? (call.outputs[0] ?? name) : call.name}/`;
    const names = new Map<string, string>([['', '']]);
    for (const [place, formal] of inputs.entries()) names.set(formal, at.rename(call.inputs[place] ?? ''));
    for (const [place, formal] of outputs.entries()) {
      const actual = at.rename(call.outputs[place] ?? '');
      if (actual === '') continue;
      // A function may hand one of its inputs on as it is.
      const known = names.get(formal);
      if (known === undefined) names.set(formal, actual);
      else out.message(1, new Writer().text(1, known).text(2, actual).text(4, 'Identity'));
    }
    const rename: Rename = (formal) => {
      const known = names.get(formal);
      if (known !== undefined) return known;
      const fresh = this.#fresh(prefix + formal);
      names.set(formal, fresh);
      return fresh;
    };
    const given = new Map([...defaults, ...this.#resolved(call, at)]);
    for (const node of nodes) this.#node(out, node, { rename, prefix, given });
  }

  /** The attributes of a call, those of the call around it in place of the ones that refer to them. */
  #resolved({ attributes }: Node, { given }: Place): [string, Attribute][] {
    return [...attributes].flatMap(([name, attribute]): [string, Attribute][] => {
      if (attribute.reference === undefined) return [[name, attribute]];
      const actual = given?.get(attribute.reference);
      return actual === undefined ? [] : [[name, actual]];
    });
  }

  #copy(node: Node, place: Place): Writer {
    const { bytes } = this.#model;
    const out = new Writer();
    const resolved = new Map(this.#resolved(node, place));
    for (const field of fields(bytes, node.span)) {
      if (field.number === 1 || field.number === 2)
        out.text(field.number, place.rename(text(bytes, field.body)));
      else if (field.number === 3) out.text(3, place.prefix + text(bytes, field.body));
      else if (field.number !== 5) out.bytes(bytes.subarray(field.start, field.end));
    }
    for (const [name, attribute] of resolved) out.message(5, this.#attribute(name, attribute, place));
    return out;
  }

  #attribute(name: string, { span, graph }: Attribute, place: Place): Writer {
    const { bytes } = this.#model;
    const out = new Writer().text(1, name);
    for (const field of fields(bytes, span)) {
      if (field.number === 6 && graph !== undefined) out.message(6, this.#graph(graph, place));
      else if (field.number !== 1) out.bytes(bytes.subarray(field.start, field.end));
    }
    return out;
  }
}

/**
 * The bytes of the same model without functions of its own: their nodes stand where they were called, so that each
 * tensor of each call has a name. Large weights become references into `file`; no byte of them is copied. Undefined
 * where the model has no functions.
 * @throws SondeError `model_invalid` for functions that never end
 */
export function inlineFunctions(model: Model, file: string): Uint8Array | undefined {
  if (model.functions.length === 0) return undefined;
  const inliner = new Inliner(model, file);
  const { bytes } = model;
  const out = new Writer();
  for (const field of fields(bytes, { start: 0, end: bytes.length })) {
    if (field.number === 7) out.message(7, inliner.model());
    else if (field.number !== 25) out.bytes(bytes.subarray(field.start, field.end));
  }
  const missing = new Map(
    model.functions.flatMap(({ opsets }) => [...opsets]).filter(([domain]) => !model.opsets.has(domain)),
  );
  for (const [domain, version] of missing) out.message(8, new Writer().text(1, domain).integer(2, version));
  return out.finish();
}
