import type * as OrtModule from 'onnxruntime-web';
import { loadFolder } from '../../src/load/load.ts';
import type { ModelSource } from '../../src/load/source.ts';
import { openGpu } from '../../src/run/device.ts';
import { idTensor } from '../../src/run/feeds.ts';
import type { Gpu } from '../../src/run/gpu.ts';
import { loadWeights } from '../../src/run/load-parts.ts';
import { closeModel, openModel } from '../../src/run/model.ts';
import { watchHeaps } from '../heaps.ts';
import { seeded, transformer } from '../transformer.ts';

/** Times in ms, to the end of what the GPU was given. */
export interface SwitchTimes {
  readonly weights: number;
  readonly megabytes: number;
  /** A session over the file as published, and one for a further plan of a model that is open. */
  readonly create: readonly number[];
  readonly change: readonly number[];
  /** Bytes of weights that each of them wrote to the GPU. */
  readonly createUploads: number;
  readonly changeUploads: number;
}

/** Times in ms of the same forward of 32 tokens. */
export interface RunTimes {
  readonly inside: readonly number[];
  readonly asInputs: readonly number[];
}

/** Bytes at their highest. */
export interface Memory {
  readonly wasm: number;
  readonly gpu: number;
}

const config = new TextEncoder().encode(JSON.stringify({ model_type: 'generated', num_attention_heads: 4 }));
const input = idTensor([Array.from({ length: 32 }, (_, at) => (at * 37) % 512)]);
const empty = { taps: [], edits: [] };

const generate = (width: number): Uint8Array<ArrayBuffer> =>
  transformer({ layers: 26, width, headSize: 32, vocabulary: 512, fill: seeded(7) });

async function open(bytes: Uint8Array<ArrayBuffer>, gpu: Gpu | undefined) {
  const source: ModelSource = {
    id: 'generated',
    size: async () => undefined,
    read: async (path) => ({ 'config.json': config, 'onnx/model.onnx': bytes })[path],
  };
  // Loaded late: `watchMemory` must have its hands on the constructors first.
  const { startRuntime } = await import('../../src/run/runtime.worker.ts');
  const runtime = startRuntime({ threads: 1 });
  const weights = await loadWeights(source, 'fp32', {});
  if (weights === undefined) throw new Error('The generated folder has no graph.');
  return { runtime, model: await openModel(runtime, await loadFolder(source, {}), weights, gpu) };
}

const providers = (gpu: Gpu | undefined): OrtModule.InferenceSession.SessionOptions => ({
  executionProviders: gpu === undefined ? ['wasm'] : [{ name: 'webgpu', device: gpu.device }],
  logSeverityLevel: 3,
});

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await work();
  return [result, performance.now() - start];
}

/** Bytes written to the GPU so far in pieces of a matrix and more. */
function watchUploads({ device }: Gpu): () => number {
  let written = 0;
  const count = (size: number): void => {
    if (size >= 16384) written += size;
  };
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    if (descriptor.mappedAtCreation === true) count(descriptor.size);
    return create(descriptor);
  };
  const write = device.queue.writeBuffer.bind(device.queue);
  device.queue.writeBuffer = (...call: Parameters<GPUQueue['writeBuffer']>) => {
    count(call[4] ?? call[2].byteLength);
    write(...call);
  };
  return () => written;
}

/** Both take turns, so that a slow minute hurts both alike. */
export async function switchTimes(width: number, rounds: number): Promise<SwitchTimes> {
  const bytes = generate(width);
  const gpu = await openGpu();
  const uploaded = watchUploads(gpu);
  const { runtime, model } = await open(bytes, gpu);
  await model.sessions.open(empty);
  const patterns = model.instrumented.resolve(['blocks.*.attn.hook_pattern']);
  const create: number[] = [];
  const change: number[] = [];
  const uploads = [0, 0];
  for (let round = 0; round <= rounds; round++) {
    const before = uploaded();
    const [plain, createMs] = await timed(async () => {
      const session = await runtime.exclusive(() =>
        runtime.ort.InferenceSession.create(bytes, providers(gpu)),
      );
      await gpu.device.queue.onSubmittedWorkDone();
      return session;
    });
    const between = uploaded();
    const [, changeMs] = await timed(async () => {
      await model.sessions.open({ taps: patterns.slice(round), edits: [] });
      await gpu.device.queue.onSubmittedWorkDone();
    });
    uploads[0] = between - before;
    uploads[1] = uploaded() - between;
    await runtime.exclusive(() => plain.release());
    // The first round warms up the runtime.
    if (round === 0) continue;
    create.push(createMs);
    change.push(changeMs);
  }
  const { weights } = model.instrumented.edit(empty, 'inputs');
  await closeModel(model);
  const [createUploads = 0, changeUploads = 0] = uploads;
  const megabytes = bytes.length / 2 ** 20;
  return { weights: weights.length, megabytes, create, change, createUploads, changeUploads };
}

export async function runTimes(width: number, rounds: number): Promise<RunTimes> {
  const bytes = generate(width);
  const gpu = await openGpu();
  const { runtime, model } = await open(bytes, gpu);
  const feeds = { input_ids: new runtime.ort.Tensor('int64', input.data, input.dims) };
  const plain = await runtime.exclusive(() => runtime.ort.InferenceSession.create(bytes, providers(gpu)));
  const shared = await model.sessions.open(empty);
  const read = async (outputs: Readonly<Record<string, OrtModule.Tensor>>): Promise<void> => {
    for (const tensor of Object.values(outputs)) {
      await tensor.getData();
      tensor.dispose();
    }
  };
  const inside: number[] = [];
  const asInputs: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const [, plainMs] = await timed(async () => read(await runtime.exclusive(() => plain.run(feeds))));
    const [, sharedMs] = await timed(async () => read(await shared.run(feeds)));
    // The first round compiles the pipelines.
    if (round === 0) continue;
    inside.push(plainMs);
    asInputs.push(sharedMs);
  }
  await runtime.exclusive(() => plain.release());
  await closeModel(model);
  return { inside, asInputs };
}

/** Counts what is allocated from now on, before onnxruntime is loaded. */
function watchMemory(): () => Memory {
  const heaps = watchHeaps();
  let now = 0;
  let peak = 0;
  const create = GPUDevice.prototype.createBuffer;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = create.call(this, descriptor);
    now += buffer.size;
    peak = Math.max(peak, now);
    const destroy = buffer.destroy.bind(buffer);
    let gone = false;
    buffer.destroy = () => {
      if (!gone) now -= buffer.size;
      gone = true;
      destroy();
    };
    return buffer;
  };
  return () => ({ wasm: heaps().reduce((sum, { byteLength }) => sum + byteLength, 0), gpu: peak });
}

/** One model, one forward: plain onnxruntime with the bytes inside, or Sonde with an untapped plan and one of all attention. */
export async function peakMemory(device: 'webgpu' | 'wasm', how: 'plain' | 'two plans'): Promise<Memory> {
  const memory = watchMemory();
  const bytes = generate(128);
  const gpu = device === 'webgpu' ? await openGpu() : undefined;
  if (how === 'plain') {
    const { startRuntime } = await import('../../src/run/runtime.worker.ts');
    const { ort } = startRuntime({ threads: 1 });
    const session = await ort.InferenceSession.create(bytes, providers(gpu));
    await session.run({ input_ids: new ort.Tensor('int64', input.data, input.dims) });
  } else {
    const { runtime, model } = await open(bytes, gpu);
    const feeds = { input_ids: new runtime.ort.Tensor('int64', input.data, input.dims) };
    for (const taps of [[], model.instrumented.resolve(['blocks.*.attn.hook_pattern'])]) {
      const session = await model.sessions.open({ taps, edits: [] });
      for (const tensor of Object.values(await session.run(feeds))) tensor.dispose();
    }
  }
  return memory();
}
