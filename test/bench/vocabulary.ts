import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeValue } from '../../src/instrument/append.ts';
import { readModel } from '../../src/instrument/read.ts';
import { fields, type Span, Writer } from '../../src/instrument/wire.ts';
import { writeConstant } from '../../src/instrument/write.ts';
import { seeded } from '../transformer.ts';

/** A copy of a decoder's folder whose vocabulary is another one, with made-up embeddings. */
export async function withVocabulary(from: string, to: string, vocabulary: number): Promise<void> {
  await mkdir(join(to, 'onnx'), { recursive: true });
  const config = JSON.parse(await readFile(join(from, 'config.json'), 'utf8')) as { vocab_size: number };
  const tokenizer = JSON.parse(await readFile(join(from, 'tokenizer.json'), 'utf8')) as {
    model: { vocab: Record<string, number> };
  };
  for (let id = config.vocab_size; id < vocabulary; id++) tokenizer.model.vocab[`made up ${id}`] = id;
  const bytes = new Uint8Array(await readFile(join(from, 'onnx/model.onnx')));
  await writeFile(join(to, 'onnx/model.onnx'), widened(bytes, config.vocab_size, vocabulary));
  await writeFile(join(to, 'config.json'), JSON.stringify({ ...config, vocab_size: vocabulary }));
  await writeFile(join(to, 'tokenizer.json'), JSON.stringify(tokenizer));
  for (const file of ['tokenizer_config.json', 'generation_config.json', 'special_tokens_map.json'])
    await cp(join(from, file), join(to, file));
}

/** Embedding [v, d], unembedding [d, v] and logits [b, n, v] of another v. */
function widened(bytes: Uint8Array, vocabulary: number, wanted: number): Uint8Array<ArrayBuffer> {
  const { graph } = readModel(bytes);
  const fill = seeded(1);
  const wider = (dims: readonly (number | string)[]) =>
    dims.map((size) => (size === vocabulary ? wanted : size));
  const replaced = new Map<number, Writer>();
  for (const { name, dims, span } of graph.initializers.values()) {
    if (!dims.includes(vocabulary)) continue;
    const size = wider(dims).map(Number);
    const data = new Float32Array(size.reduce((product, each) => product * each, 1));
    fill(data, 128);
    replaced.set(span.start, writeConstant(name, { type: 'float32', dims: size, data }));
  }
  for (const { name, type, dims = [], span } of graph.outputs)
    if (dims.includes(vocabulary)) replaced.set(span.start, writeValue(name, type, wider(dims)));
  replaced.set(graph.span.start, copied(bytes, graph.span, replaced));
  return copied(bytes, { start: 0, end: bytes.length }, replaced).finish();
}

/** A message as it is, but for the fields that are replaced, named by where their bodies begin. */
function copied(bytes: Uint8Array, message: Span, replaced: ReadonlyMap<number, Writer>): Writer {
  const out = new Writer();
  for (const { number, start, end, body } of fields(bytes, message)) {
    const other = replaced.get(body.start);
    if (other === undefined) out.bytes(bytes.subarray(start, end));
    else out.message(number, other);
  }
  return out;
}
