import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSonde, type DeviceChoice, type Model, type Sonde } from '../../src/index.ts';
import { readSafetensors, writeSafetensors } from '../../src/shared/safetensors.ts';
import type { FloatTensor } from '../../src/shared/tensor.ts';

/** fp32 alone, so that there is one variant on each device. */
const folder = '/test/zoo/gpt2-dynamo';

const faulty = (device: DeviceChoice, fault: string): Sonde =>
  createSonde({
    device,
    worker: () =>
      new Worker(new URL('./inexact-inspector.ts', import.meta.url), { type: 'module', name: fault }),
  });

const available = ({ hooks }: Model): number =>
  hooks.filter(({ source }) => source.kind !== 'unavailable').length;

/** The goldens that earlier loads kept, in the cache of model files. */
async function kept(): Promise<{ cache: Cache; goldens: readonly Request[] }> {
  const cache = await caches.open('sonde-models-1');
  const goldens = (await cache.keys()).filter(({ url }) => url.startsWith('https://golden.sonde.invalid/'));
  return { cache, goldens };
}

async function forget(): Promise<void> {
  const { cache, goldens } = await kept();
  for (const request of goldens) await cache.delete(request);
}

/** Every golden that is kept says something else of one hook: 0.01 more everywhere. */
async function tamper(hook: string): Promise<void> {
  const { cache, goldens } = await kept();
  for (const request of goldens) {
    const body = await (await cache.match(request))?.arrayBuffer();
    const { tensors, metadata } = readSafetensors(new Uint8Array(body ?? new ArrayBuffer()));
    const { data, ...tensor } = tensors.get(hook) as FloatTensor;
    const wrong = { ...tensor, data: data.map((value) => value + 0.01) };
    const file = writeSafetensors({ tensors: new Map(tensors).set(hook, wrong), metadata });
    await cache.put(request, new Response(file));
  }
}

describe('WebGPU', () => {
  let sonde: Sonde;
  beforeAll(async () => {
    await forget();
    sonde = createSonde();
  });
  afterAll(async () => {
    await forget();
    await sonde.dispose();
  });

  it('is held to the golden that ships beside a model, every hook of it', async () => {
    const model = await sonde.load('/models/sentiment');
    const { device, fidelity, fallbacks } = model.device;
    expect([device, fallbacks]).toEqual(['webgpu', []]);
    expect(fidelity).toMatchObject({
      kind: 'proved',
      golden: 'shipped',
      tolerance: 1e-3,
      hooks: available(model),
    });
    // Another device does not round alike: no error at all would be a comparison with itself.
    expect(fidelity).toHaveProperty(
      'worst.error',
      expect.toSatisfy((error: number) => error > 0 && error < 1e-3),
    );
  });

  it('is held to WASM where no golden ships, which runs once and is kept', async () => {
    const first = await sonde.load(folder);
    expect(first.device.fidelity).toMatchObject({ golden: 'recorded', hooks: available(first) });
    expect((await kept()).goldens).toHaveLength(1);
    const second = await sonde.load(folder);
    expect(second.device.fidelity).toEqual({ ...first.device.fidelity, golden: 'cached' });
  });

  it('gives way to WASM where one hook is not what its golden says, and names the hook', async () => {
    await tamper('blocks.1.attn.hook_pattern');
    const { device } = await sonde.load(folder);
    expect(device).toMatchObject({ device: 'wasm', dtype: 'fp32' });
    const reason = /^blocks\.1\.attn\.hook_pattern differs by 0\.0\d+ .*\(tolerance 0\.001\)/;
    expect(device.fallbacks).toEqual([
      { device: 'webgpu', dtype: 'fp32', reason: expect.stringMatching(reason) },
    ]);
  });
});

describe('a machine with a fault', () => {
  beforeEach(forget);
  afterAll(forget);

  it('gives way to WASM where a driver computes a kernel wrongly, and names the first hook that shows it', async () => {
    const sonde = faulty('auto', 'wrong exponential');
    const { device } = await sonde.load(folder);
    expect(device.device).toBe('wasm');
    expect(device.fallbacks[0]?.reason).toMatch(/^blocks\.0\.attn\.hook_pattern differs by /);
    await sonde.dispose();
  });

  it('runs unproved, and says why, where WASM cannot give a reference', async () => {
    const sonde = faulty('webgpu', 'no WASM provider');
    const { device } = await sonde.load(folder);
    const reason = expect.stringContaining('could not be set up');
    expect(device.fidelity).toEqual({ kind: 'unproved', reason });
    await sonde.dispose();
  });
});

describe('WASM', () => {
  it('is held to a golden that ships, and without one unproved', async () => {
    const sonde = createSonde({ device: 'wasm' });
    const shipped = await sonde.load('/models/shakespeare-gpt');
    expect(shipped.device.fidelity).toMatchObject({ kind: 'proved', golden: 'shipped', tolerance: 1e-4 });
    const other = await sonde.load(folder);
    const reason = expect.stringContaining('no golden');
    expect(other.device.fidelity).toEqual({ kind: 'unproved', reason });
    await sonde.dispose();
  });
});
