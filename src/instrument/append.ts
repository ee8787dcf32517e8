import { SondeError } from '../shared/errors.ts';
import { elementCode } from './onnx.ts';
import type { Shapes } from './shape.ts';
import { Writer } from './wire.ts';

export type AttributeValue = number | string | readonly number[] | { readonly float: number };

/** Attribute types of AttributeProto. */
const attributeType = { float: 1, int: 2, string: 3, ints: 7 } as const;

function writeAttribute(name: string, value: AttributeValue): Writer {
  const out = new Writer().text(1, name);
  if (typeof value === 'number') return out.integer(3, value).integer(20, attributeType.int);
  if (typeof value === 'string') return out.text(4, value).integer(20, attributeType.string);
  if ('float' in value) return out.float(2, value.float).integer(20, attributeType.float);
  for (const each of value) out.integer(8, each);
  return out.integer(20, attributeType.ints);
}

/** A graph whose sizes contradict each other: no runtime would run it either. */
export const impossible = (what: string): SondeError =>
  new SondeError(
    'graph_unsupported',
    `The sizes in this graph do not go together: ${what}.`,
    'Check that the file loads in onnxruntime; if it does, open an issue with the model id.',
  );

/** ValueInfoProto of a tensor. */
export function writeValue(name: string, type: string, dims?: readonly (string | number)[]): Writer {
  const tensor = new Writer().integer(1, elementCode(type));
  if (dims !== undefined) {
    const shape = new Writer();
    for (const dim of dims) {
      shape.message(1, typeof dim === 'number' ? new Writer().integer(1, dim) : new Writer().text(2, dim));
    }
    tensor.message(2, shape);
  }
  return new Writer().text(1, name).message(2, new Writer().message(1, tensor));
}

/**
 * Nodes appended to a graph. Everything derived is ONNX too, so both providers compute it and nothing is computed
 * beside the model. Names begin with `sonde.`; two recipes that need the same node share it.
 */
export class Append {
  readonly shapes: Shapes;
  readonly nodes: Writer[] = [];
  readonly initializers: Writer[] = [];
  readonly #made = new Map<string, string>();
  readonly #types = new Map<string, string>();
  readonly #domains = new Set<string>();
  /** Float32 values of float16 tensors that are looked at on the CPU, and what is made of them. */
  readonly #aside = new Set<string>();
  readonly #isOnCpu: boolean;
  readonly #prefix: string;
  #count = 0;

  /** Version of ai.onnx that the model imports: some ops changed an attribute into an input. */
  readonly opset: number;

  /** @param isOnCpu the graph is for onnxruntime's CPU provider, which WASM is */
  constructor(shapes: Shapes, opset: number, isOnCpu: boolean, prefix: string) {
    this.shapes = shapes;
    this.opset = opset;
    this.#isOnCpu = isOnCpu;
    this.#prefix = prefix;
  }

  /** Element type of a tensor of the graph or of an appended one; float where nothing says otherwise. */
  type(tensor: string): string {
    return this.#types.get(tensor) ?? this.shapes.type(tensor) ?? 'float';
  }

  /** Notes the element type of a tensor that the graph as published does not have. */
  alias(tensor: string, type: string): void {
    this.#types.set(tensor, type);
  }

  /** Domains that appended nodes need and the model does not import yet. */
  imports(present: ReadonlyMap<string, number>): readonly string[] {
    return [...this.#domains].filter((domain) => !present.has(domain));
  }

  /** First output of a new node. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    options: { readonly domain?: string; readonly output?: string; readonly type?: string } = {},
  ): string {
    return this.nodeWithOutputs(op, inputs, 1, attributes, options)[0] ?? '';
  }

  nodeWithOutputs(
    op: string,
    inputs: readonly string[],
    count: number,
    attributes: Readonly<Record<string, AttributeValue>> = {},
    options: { readonly domain?: string; readonly output?: string; readonly type?: string } = {},
  ): readonly string[] {
    const key = JSON.stringify([op, inputs, count, attributes, options.domain]);
    const known = this.#made.get(key);
    if (known !== undefined && options.output === undefined) return JSON.parse(known) as string[];
    const written = new Writer();
    for (const input of inputs) written.text(1, input);
    const outputs = Array.from({ length: count }, () => options.output ?? this.fresh(op));
    for (const output of outputs) {
      written.text(2, output);
      this.#types.set(output, options.type ?? this.type(inputs[0] ?? ''));
      if (inputs.some((input) => this.#aside.has(input))) this.#aside.add(output);
    }
    written.text(3, `${this.#prefix}node.${outputs[0]}`).text(4, op);
    for (const [name, value] of Object.entries(attributes)) written.message(5, writeAttribute(name, value));
    if (options.domain !== undefined) {
      written.text(7, options.domain);
      this.#domains.add(options.domain);
    }
    this.nodes.push(written);
    this.#made.set(key, JSON.stringify(outputs));
    return outputs;
  }

  fresh(what: string): string {
    this.#count++;
    return `${this.#prefix}${what}_${this.#count}`;
  }

  #initializer(type: string, dims: readonly number[], raw: Uint8Array): string {
    const key = JSON.stringify(['constant', type, dims, [...raw]]);
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const name = this.fresh('constant');
    const written = new Writer();
    for (const size of dims) written.integer(1, size);
    this.initializers.push(written.integer(2, elementCode(type)).text(8, name).block(9, raw));
    this.#made.set(key, name);
    this.#types.set(name, type);
    return name;
  }

  /** A 1-D int64 constant. */
  ints(...values: readonly number[]): string {
    if (!values.every(Number.isSafeInteger)) throw impossible(`a size would be ${values.join(', ')}`);
    return this.#initializer(
      'int64',
      [values.length],
      new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
    );
  }

  /** An int64 scalar. */
  int(value: number): string {
    return this.#initializer('int64', [], new Uint8Array(BigInt64Array.of(BigInt(value)).buffer));
  }

  /** A float32 scalar. */
  float(value: number): string {
    return this.#initializer('float', [], new Uint8Array(Float32Array.of(value).buffer));
  }

  cast(tensor: string, type: string): string {
    return this.type(tensor) === type
      ? tensor
      : this.node('Cast', [tensor], { to: elementCode(type) }, { type });
  }

  /**
   * The tensor in float32, in which all derived values are computed. To be taken of the graph's own tensor, before it is
   * laid out.
   *
   * On the CPU, onnxruntime computes most float16 nodes in float32 and rounds in between only where a node wants float16.
   * A look must not be such a node, or what follows is rounded more often than without it. A Cast is one; a Neg is not,
   * and done twice it changes no bit.
   */
  wide(tensor: string): string {
    if (!this.#isOnCpu || this.type(tensor) !== 'float16') return this.cast(tensor, 'float');
    const negative = this.cast(this.node('Neg', [tensor]), 'float');
    this.#aside.add(negative);
    return this.node('Neg', [negative]);
  }

  /**
   * The tensor with its axes in another order. onnxruntime moves the graph's own Transposes, and with them its roundings
   * to float16, to meet one that is appended; an Einsum it leaves alone.
   */
  turn(tensor: string, perm: readonly number[]): string {
    if (!this.#aside.has(tensor) || this.opset < 12) return this.node('Transpose', [tensor], { perm });
    const letters = [...'abcdef'].slice(0, perm.length);
    const turned = perm.map((axis) => letters[axis]);
    return this.node('Einsum', [tensor], { equation: `${letters.join('')}->${turned.join('')}` });
  }
}
