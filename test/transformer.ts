import { writeValue } from '../src/instrument/append.ts';
import { Writer } from '../src/instrument/wire.ts';

export interface Shape {
  readonly layers: number;
  readonly width: number;
  readonly headSize: number;
  readonly vocabulary: number;
  /** The graph declares any batch and computes batches of one only, as some exports do. */
  readonly isOneRow?: boolean;
  /** Fills a weight of `inputs` rows; absent leaves zeros, where only the reading is measured. */
  readonly fill?: (weight: Float32Array, inputs: number) => void;
}

/** Weights as an initialiser would draw them: uniform, scaled to the inputs they add up. */
export function seeded(seed: number): NonNullable<Shape['fill']> {
  let state = seed;
  return (weight, inputs) => {
    const scale = Math.sqrt(3 / inputs);
    for (let at = 0; at < weight.length; at++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      weight[at] = (state / 2 ** 31 - 1) * scale;
    }
  };
}

/** A pre-norm encoder of any size, written as an exporter would, without bytes of anybody's. */
export function transformer(shape: Shape): Uint8Array<ArrayBuffer> {
  const { layers, width, headSize, vocabulary, fill, isOneRow = false } = shape;
  const graph = new Writer();
  const shared = new Float32Array(Math.max(4 * width, vocabulary) * width);
  let count = 0;
  const weight = (...dims: number[]): string => {
    const name = `weight_${count++}`;
    const tensor = new Writer();
    for (const size of dims) tensor.integer(1, size);
    const values = shared.subarray(
      0,
      dims.reduce((product, size) => product * size, 1),
    );
    fill?.(values, dims.length === 1 ? 3 : (dims[0] ?? 1));
    const bytes = new Uint8Array(shared.buffer, 0, values.byteLength);
    graph.message(5, tensor.integer(2, 1).text(8, name).block(9, bytes));
    return name;
  };
  const ints = (...values: number[]): string => {
    const name = `ints_${count++}`;
    const tensor = new Writer().integer(1, values.length).integer(2, 7).text(8, name);
    graph.message(5, tensor.block(9, new Uint8Array(BigInt64Array.from(values, BigInt).buffer)));
    return name;
  };
  const node = (op: string, inputs: readonly string[], permutation: readonly number[] = []): string => {
    const output = `${op}_${count++}`;
    const written = new Writer();
    for (const input of inputs) written.text(1, input);
    written.text(2, output).text(3, output).text(4, op);
    if (permutation.length > 0) {
      const attribute = new Writer().text(1, 'perm').integer(20, 7);
      for (const axis of permutation) attribute.integer(8, axis);
      written.message(5, attribute);
    }
    graph.message(1, written);
    return output;
  };
  const norm = (stream: string): string => node('LayerNormalization', [stream, weight(width), weight(width)]);
  const linear = (input: string, from: number, to: number): string =>
    node('Add', [node('MatMul', [input, weight(from, to)]), weight(to)]);
  const heads = (input: string, permutation: readonly number[]): string =>
    node(
      'Transpose',
      [node('Reshape', [linear(input, width, width), ints(isOneRow ? 1 : 0, 0, width / headSize, headSize)])],
      permutation,
    );
  let stream = node('Gather', [weight(vocabulary, width), 'input_ids']);
  for (let layer = 0; layer < layers; layer++) {
    const normed = norm(stream);
    const [q, k, v] = [heads(normed, [0, 2, 1, 3]), heads(normed, [0, 2, 3, 1]), heads(normed, [0, 2, 1, 3])];
    const pattern = node('Softmax', [node('MatMul', [q, k])]);
    const z = node('Transpose', [node('MatMul', [pattern, v])], [0, 2, 1, 3]);
    stream = node('Add', [stream, linear(node('Reshape', [z, ints(0, 0, width)]), width, width)]);
    const hidden = node('Relu', [linear(norm(stream), width, 4 * width)]);
    stream = node('Add', [stream, linear(hidden, 4 * width, width)]);
  }
  const logits = node('MatMul', [norm(stream), weight(width, vocabulary)]);
  graph.message(11, writeValue('input_ids', 'int64', ['batch', 'sequence']));
  graph.message(12, writeValue(logits, 'float', ['batch', 'sequence', vocabulary]));
  return new Writer().integer(1, 10).message(7, graph).message(8, new Writer().integer(2, 20)).finish();
}
