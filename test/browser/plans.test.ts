import * as ort from 'onnxruntime-web/webgpu';
import { afterAll, describe, expect, it } from 'vitest';
import { loadFolder } from '../../src/load/load.ts';
import { pickedSource } from '../../src/load/picked.ts';
import { openGpu } from '../../src/run/device.ts';
import { idTensor } from '../../src/run/feeds.ts';
import type { Gpu } from '../../src/run/gpu.ts';
import { loadWeights } from '../../src/run/load-parts.ts';
import { closeModel, forward, type LoadedModel, openModel } from '../../src/run/model.ts';
import { startRuntime } from '../../src/run/runtime.worker.ts';
import { seeded, transformer } from '../transformer.ts';

/** 26 blocks of 6 matrices, an embedding and an unembedding, each above the 4 KiB from which on weights move. */
const layers = 26;
const bytes = transformer({ layers, width: 64, headSize: 16, vocabulary: 256, fill: seeded(7) });
const config = new TextEncoder().encode(JSON.stringify({ model_type: 'generated', num_attention_heads: 4 }));
const source = pickedSource([
  { path: 'config.json', file: new File([config], 'config.json') },
  { path: 'model.onnx', file: new File([bytes], 'model.onnx') },
]);
const ids = [[1, 7, 200, 31, 5, 5, 90, 11]];
const runtime = startRuntime({ threads: 1 });

async function open(gpu: Gpu | undefined): Promise<LoadedModel> {
  const weights = await loadWeights(source, 'fp32', {});
  if (weights === undefined) throw new Error('The generated folder has no graph.');
  return openModel(runtime, await loadFolder(source, {}), weights, gpu);
}

async function plainLogits(gpu: Gpu | undefined): Promise<Float32Array> {
  const session = await runtime.exclusive(() =>
    ort.InferenceSession.create(bytes, {
      executionProviders: gpu === undefined ? ['wasm'] : [{ name: 'webgpu', device: gpu.device }],
    }),
  );
  const input = new ort.Tensor('int64', BigInt64Array.from(ids.flat(), BigInt), [1, 8]);
  const fetches = await runtime.exclusive(() => session.run({ input_ids: input }));
  await runtime.exclusive(() => session.release());
  return (await Object.values(fetches)[0]?.getData()) as Float32Array;
}

async function logitsOf(model: LoadedModel, hooks: readonly string[]): Promise<Float32Array> {
  const { outputs, capture } = await forward(model, { input_ids: idTensor(ids) }, hooks);
  capture.dispose();
  return (await outputs[model.instrumented.anatomy.logits ?? '']?.getData()) as Float32Array;
}

/** Sizes of what is written to the GPU from now on. */
function watchUploads({ device }: Gpu): readonly number[] {
  const sizes: number[] = [];
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    if (descriptor.mappedAtCreation === true) sizes.push(descriptor.size);
    return create(descriptor);
  };
  const write = device.queue.writeBuffer.bind(device.queue);
  device.queue.writeBuffer = (...call: Parameters<GPUQueue['writeBuffer']>) => {
    sizes.push(call[4] ?? call[2].byteLength);
    write(...call);
  };
  return sizes;
}

describe.each(['wasm', 'webgpu'] as const)('158 large weights on %s', (name) => {
  const gpu = name === 'webgpu' ? openGpu() : Promise.resolve(undefined);
  const opened = gpu.then(open);
  afterAll(async () => closeModel(await opened));

  it('give bit for bit the plain logits under the empty plan, and with every attention map tapped', async () => {
    const model = await opened;
    const plain = await plainLogits(await gpu);
    const { weights } = model.instrumented.edit({ taps: [], edits: [] }, 'inputs');
    expect(weights).toHaveLength(158);
    expect(plain.some((value) => Math.abs(value) > 0.1)).toBe(true);
    expect(await logitsOf(model, [])).toEqual(plain);
    const patterns = model.instrumented.resolve(['blocks.*.attn.hook_pattern']);
    expect(patterns).toHaveLength(layers);
    expect(await logitsOf(model, patterns)).toEqual(plain);
  });

  it('leave a capture what it holds while plan after plan is opened, until the model goes', async () => {
    const model = await open(await gpu);
    const inputs = { input_ids: idTensor(ids) };
    const of = async (hook: string) => (await forward(model, inputs, [hook])).capture;
    const held = await of('blocks.0.attn.hook_pattern');
    const last = await of('blocks.9.attn.hook_pattern');
    const [first, ...others] = Array.from({ length: 6 }, (_, at) => `blocks.${at}.attn.hook_pattern`);
    for (const hook of others) (await of(hook)).dispose();
    const again = await (await of(first ?? '')).read(first ?? '');
    expect(await held.read('blocks.0.attn.hook_pattern')).toEqual(again);
    await closeModel(model);
    const read = last.read('blocks.9.attn.hook_pattern');
    if (name === 'wasm') expect((await read).dims).toEqual([1, 4, 8, 8]);
    else await expect(read).rejects.toMatchObject({ code: 'disposed' });
    last.dispose();
  });
});

it('a new plan on WebGPU uploads no weight', async () => {
  const gpu = await openGpu();
  const uploads = watchUploads(gpu);
  const model = await open(gpu);
  await logitsOf(model, []);
  // The smallest weight that lies on the GPU is a matrix of 16 KiB.
  const large = (): number => uploads.filter((size) => size >= 16384).length;
  expect(large()).toBe(158);
  await logitsOf(model, model.instrumented.resolve(['blocks.*.hook_resid_post']));
  expect(large()).toBe(158);
  await closeModel(model);
});
