import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-web';
import { instrument } from '../../../src/instrument/instrument.ts';
import type { EditedGraph, Instrumented, Port } from '../../../src/instrument/instrumented.ts';
import type { Plan } from '../../../src/shared/plan.ts';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

export interface Values {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** The float32 tensors of a safetensors file. */
export function readGolden(file: string): Map<string, Values> {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const found = new Map<string, Values>();
  for (const [name, entry] of Object.entries(header)) {
    if (entry.dtype !== 'F32') continue;
    const [begin, end] = entry.data_offsets.map((offset) => offset + 8 + length);
    const data = new Float32Array(Uint8Array.from(bytes.subarray(begin, end)).buffer);
    found.set(name, { dims: entry.shape, data });
  }
  return found;
}

export interface ModelFile {
  readonly file: string;
  readonly bytes: Uint8Array;
  readonly instrumented: Instrumented;
}

export interface Folder {
  readonly name: string;
  readonly path: string;
  readonly goldens: ReadonlyMap<string, Values>;
  readonly batches: Readonly<Record<string, Readonly<Record<string, number[][]>>>>;
  /** dtype to its files: one, or an encoder and a decoder. */
  readonly variants: ReadonlyMap<string, readonly string[]>;
}

const suffixes: Readonly<Record<string, string>> = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  q4: '_q4',
  q4f16: '_q4f16',
};
const parts = ['model', 'encoder_model', 'decoder_model', 'decoder_model_merged'];

export function readFolder(path: string, name: string): Folder {
  const variants = new Map<string, readonly string[]>();
  for (const [dtype, suffix] of Object.entries(suffixes)) {
    const files = parts
      .map((part) => `${part}${suffix}.onnx`)
      .filter((file) => existsSync(join(path, 'onnx', file)));
    if (files.length > 0) variants.set(dtype, files);
  }
  const { inputs } = JSON.parse(readFileSync(join(path, 'golden.json'), 'utf8')) as {
    inputs: Folder['batches'];
  };
  return { name, path, goldens: readGolden(join(path, 'golden.safetensors')), batches: inputs, variants };
}

export function zoo(root = 'test/zoo'): Folder[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, entry.name, 'golden.json')))
    .map((entry) => readFolder(join(root, entry.name), entry.name));
}

export function load(folder: Folder, file: string): ModelFile {
  const bytes = new Uint8Array(readFileSync(join(folder.path, 'onnx', file)));
  return { file, bytes, instrumented: instrument(bytes, { file }) };
}

const ints = (rows: number[][]): ort.Tensor =>
  new ort.Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]?.length ?? 0]);

/** What a model file is fed for one batch of its folder: the golden ids, an empty cache. */
export function feeds(
  folder: Folder,
  batch: string,
  ports: readonly Port[],
  encoded?: ort.Tensor,
): Record<string, ort.Tensor> {
  const given = folder.batches[batch] ?? {};
  const isDecoder = ports.some((port) => port.name.startsWith('encoder_'));
  const ids = (isDecoder ? given.decoder_input_ids : given.input_ids) ?? [];
  const mask = given.attention_mask ?? [];
  const made: Record<string, ort.Tensor> = {};
  for (const { name, type, dims } of ports) {
    if (name === 'encoder_hidden_states') {
      if (encoded === undefined) throw new Error('the decoder needs what the encoder made');
      made[name] = encoded;
    } else if (name.startsWith('past')) {
      const shape = dims.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? ids.length : 0));
      made[name] =
        type === 'float16'
          ? new ort.Tensor('float16', new Uint16Array(0), shape)
          : new ort.Tensor('float32', new Float32Array(0), shape);
    } else if (name === 'use_cache_branch') made[name] = new ort.Tensor('bool', Uint8Array.of(0), [1]);
    else if (name === 'pixel_values' || name === 'input_features') {
      const pixels = folder.goldens.get(batch === 'single' ? name : `${batch}.${name}`);
      if (pixels === undefined) throw new Error(`no golden ${name}`);
      made[name] = new ort.Tensor('float32', pixels.data, pixels.dims);
    } else if (name === 'position_ids') made[name] = ints(ids.map((row) => row.map((_, at) => at)));
    else if (name === 'token_type_ids') made[name] = ints(ids.map((row) => row.map(() => 0)));
    else if (name.endsWith('attention_mask'))
      made[name] = ints(isDecoder && name === 'attention_mask' ? ids.map((row) => row.map(() => 1)) : mask);
    else if (name.endsWith('input_ids')) made[name] = ints(ids);
    else throw new Error(`no value for the input ${name}`);
  }
  return made;
}

export async function session(graph: EditedGraph, model: ModelFile): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(graph.bytes, {
    executionProviders: ['wasm'],
    externalData: graph.weights.length > 0 ? [{ path: model.file, data: model.bytes }] : [],
  });
}

/** Runs an edited graph once; every output in float32. */
export async function runPlan(
  model: ModelFile,
  plan: Plan,
  fed: Record<string, ort.Tensor>,
): Promise<{ taps: Map<string, Values>; outputs: ort.InferenceSession.OnnxValueMapType }> {
  return runGraph(model, model.instrumented.edit(plan, 'external'), fed);
}

export async function runGraph(
  model: ModelFile,
  graph: EditedGraph,
  fed: Record<string, ort.Tensor>,
): Promise<{ taps: Map<string, Values>; outputs: ort.InferenceSession.OnnxValueMapType }> {
  const created = await session(graph, model);
  try {
    const outputs = await created.run(fed);
    const taps = new Map<string, Values>();
    for (const { hook, output, part } of graph.taps) {
      const tensor = outputs[output];
      if (tensor === undefined) continue;
      const [count = 1, ...rest] = tensor.dims;
      const all = tensor.data as Float32Array;
      const [batch, from] = part === undefined ? [count, 0] : [1, part];
      const size = all.length / count;
      const data = all.slice(from * size, (from + batch) * size);
      taps.set(hook, { dims: [batch, ...rest], data });
    }
    return { taps, outputs };
  } finally {
    await created.release();
  }
}
