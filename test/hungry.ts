import { type Field, fields, text, Writer } from '../src/instrument/wire.ts';

/**
 * The model with a needless tensor of `floats` numbers a token on the way to its logits, which stay as they are:
 * a long prompt takes more memory than a buffer can have, and the same prompt in pieces does not.
 */
export function hungry(bytes: Uint8Array<ArrayBuffer>, floats: number): Uint8Array<ArrayBuffer> {
  const copy = (into: Writer, { start, end }: Field): Writer => into.bytes(bytes.subarray(start, end));
  const model = new Writer();
  for (const field of fields(bytes, { start: 0, end: bytes.length })) {
    if (field.number !== graphField) {
      copy(model, field);
      continue;
    }
    const graph = new Writer();
    for (const part of fields(bytes, field.body)) {
      const node = part.number === nodeField ? [...fields(bytes, part.body)] : [];
      const isLast = node.some((each) => each.number === 2 && text(bytes, each.body) === 'logits');
      if (!isLast) {
        copy(graph, part);
        continue;
      }
      const renamed = new Writer();
      for (const each of node)
        if (each.number === 2) renamed.text(2, 'light');
        else copy(renamed, each);
      graph.message(nodeField, renamed);
    }
    model.message(graphField, eat(graph, floats));
  }
  return model.finish();
}

const graphField = 7;
const nodeField = 1;

/** light [1, p, vocabulary] -> logits, by way of [1, p, floats] */
function eat(graph: Writer, floats: number): Writer {
  const node = (op: string, inputs: readonly string[], output: string): void => {
    const written = new Writer();
    for (const input of inputs) written.text(1, input);
    graph.message(nodeField, written.text(2, output).text(3, `eat.${output}`).text(4, op));
  };
  const constant = (name: string, type: number, dims: readonly number[], data: ArrayBufferView): void => {
    const tensor = new Writer();
    for (const size of dims) tensor.integer(1, size);
    tensor.integer(2, type).text(8, name);
    graph.message(5, tensor.block(9, new Uint8Array(data.buffer as ArrayBuffer)));
  };
  constant('eat.axis', 7, [1], BigInt64Array.of(-1n));
  constant('eat.shape', 7, [3], BigInt64Array.of(1n, 1n, BigInt(floats)));
  constant('eat.first', 7, [1], BigInt64Array.of(0n));
  constant('eat.second', 7, [1], BigInt64Array.of(1n));
  constant('eat.nothing', 1, [], Float32Array.of(0));
  node('ReduceSum', ['light', 'eat.axis'], 'eat.sum');
  node('Expand', ['eat.sum', 'eat.shape'], 'eat.much');
  node('Slice', ['eat.much', 'eat.first', 'eat.second', 'eat.axis'], 'eat.one');
  node('Mul', ['eat.one', 'eat.nothing'], 'eat.zero');
  node('Add', ['light', 'eat.zero'], 'logits');
  return graph;
}
