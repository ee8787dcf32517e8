import { writeValue } from '../../src/instrument/append.ts';
import { instrument } from '../../src/instrument/instrument.ts';
import { Writer } from '../../src/instrument/wire.ts';

const layers = 12;
const headSize = 16;
const vocabulary = 256;
/** A block holds 12 · width² weights of 4 bytes. */
const widthFor = (megabytes: number): number =>
  Math.max(headSize, Math.round(Math.sqrt((megabytes * 2 ** 20) / (layers * 12 * 4)) / headSize) * headSize);

/** A pre-norm transformer with zero weights, written as an exporter would: the cost of reading it is what is measured. */
function generate(width: number): Uint8Array<ArrayBuffer> {
  const graph = new Writer();
  const zeros = new Uint8Array(4 * width * width * 4);
  let count = 0;
  const weight = (...dims: number[]): string => {
    const name = `weight_${count++}`;
    const tensor = new Writer();
    for (const size of dims) tensor.integer(1, size);
    const bytes = dims.reduce((product, size) => product * size, 4);
    graph.message(5, tensor.integer(2, 1).text(8, name).block(9, zeros.subarray(0, bytes)));
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
      [node('Reshape', [linear(input, width, width), ints(0, 0, width / headSize, headSize)])],
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

export interface Instrumenting {
  readonly megabytes: number;
  readonly hooks: number;
  /** Reading and recognising, and writing the graph with every hook tapped, ms. */
  readonly read: number;
  readonly edit: number;
  /** Bytes of the written graph, of the weights it refers to, and how much array memory both steps took. */
  readonly graph: number;
  readonly weights: number;
  readonly allocated: number;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Models of equal depth and growing width: what instrumenting costs must not grow with the weights. */
export function instrumenting(megabytes: readonly number[]): Instrumenting[] {
  return megabytes.map((size) => {
    const bytes = generate(widthFor(size));
    const reads: number[] = [];
    const edits: number[] = [];
    let found: Omit<Instrumenting, 'read' | 'edit' | 'megabytes'> | undefined;
    for (let round = 0; round < 9; round++) {
      const before = process.memoryUsage().arrayBuffers;
      const start = performance.now();
      const model = instrument(bytes, { file: 'model.onnx' });
      const middle = performance.now();
      const taps = model.resolve(['**']);
      const edited = model.edit({ taps, edits: [] }, 'external');
      edits.push(performance.now() - middle);
      reads.push(middle - start);
      found = {
        hooks: model.hooks.length,
        graph: edited.bytes.length,
        weights: edited.weights.reduce((sum, { length }) => sum + length, 0),
        allocated: Math.max(found?.allocated ?? 0, process.memoryUsage().arrayBuffers - before),
      };
    }
    if (found === undefined) throw new Error('nothing was measured');
    return { megabytes: bytes.length / 2 ** 20, read: median(reads), edit: median(edits), ...found };
  });
}
