import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createSonde,
  type DeviceChoice,
  type FidelityProgress,
  type HookError,
  type Model,
  type Sonde,
} from '../../src/index.ts';
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

const available = ({ hooks }: Model): readonly string[] =>
  hooks.filter(({ source }) => source.kind !== 'unavailable').map(({ name }) => name);

const hooksOf = (errors: readonly HookError[] | undefined): readonly string[] =>
  (errors ?? []).map(({ hook }) => hook);

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
  beforeAll(() => {
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
      hooks: available(model).length,
    });
    // Another device does not round alike: no error at all would be a comparison with itself.
    expect(fidelity).toHaveProperty(
      'worst.error',
      expect.toSatisfy((error: number) => error > 0 && error < 1e-3),
    );
  });

  it('is measured beside WASM in every dtype, against WASM in fp32', async () => {
    const model = await sonde.load('/models/sentiment');
    const told: FidelityProgress[] = [];
    const { variants } = await model.fidelity({ onProgress: (progress) => told.push(progress) });
    expect(variants.map(({ device, dtype }) => `${device} ${dtype}`)).toEqual([
      'webgpu fp32',
      'webgpu q8',
      'wasm q8',
    ]);
    const [gpu, gpuQ8, q8] = variants.map(({ result }) => (result.kind === 'measured' ? result.hooks : []));
    const worst = (hooks: readonly HookError[] | undefined): number =>
      Math.max(...(hooks ?? []).map(({ error }) => error));
    expect(hooksOf(gpu)).toEqual(available(model));
    expect(worst(gpu)).toBeLessThan(1e-3);
    expect(worst(gpuQ8)).toBeGreaterThan(1e-3);
    expect([told[0], told.at(-1)]).toMatchObject([{ done: 0 }, { done: 3, variants: 3 }]);

    // The same by hand, from what two models on WASM show of the same tokens.
    const onWasm = createSonde({ device: 'wasm' });
    const nine = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const hook = 'blocks.1.attn.hook_pattern';
    const [exact = [], rounded = []] = await Promise.all(
      (['fp32', 'q8'] as const).map(async (dtype) => {
        const capture = await (await onWasm.load('/models/sentiment', { dtype })).capture(nine, [hook]);
        return [...(await capture.get(hook)).data];
      }),
    );
    const off = Math.max(...exact.map((value, at) => Math.abs(value - (rounded[at] ?? Number.NaN))));
    const error = off / Math.max(...exact.map(Math.abs));
    expect(q8?.find((each) => each.hook === hook)?.error).toBeCloseTo(error, 6);
    await onWasm.dispose();
  });

  it('is refused in a dtype that it has not, with what the runtime said; who stops the comparison ends it', async () => {
    const model = await sonde.load('/test/zoo/distilbert');
    const { variants } = await model.fidelity({ dtypes: ['fp16'] });
    expect(variants).toMatchObject([
      {
        device: 'webgpu',
        dtype: 'fp16',
        result: { kind: 'refused', reason: expect.stringContaining('f16') },
      },
      { device: 'wasm', dtype: 'fp16', result: { kind: 'measured' } },
    ]);
    await expect(model.fidelity({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      code: 'aborted',
    });
  });

  it('is held to WASM where no golden ships, which runs once and is kept', async () => {
    await forget();
    const first = await sonde.load(folder);
    expect(first.device.fidelity).toMatchObject({ golden: 'recorded', hooks: available(first).length });
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
  it('is held to a golden that ships by its logits, and without one unproved', async () => {
    const sonde = createSonde({ device: 'wasm' });
    const shipped = await sonde.load('/models/shakespeare-gpt');
    expect(shipped.device.fidelity).toMatchObject({
      kind: 'proved',
      golden: 'shipped',
      worst: { hook: 'unembed.hook_out' },
      tolerance: 1e-4,
    });
    const other = await sonde.load(folder);
    const reason = expect.stringContaining('no golden');
    expect(other.device.fidelity).toEqual({ kind: 'unproved', reason });
    await sonde.dispose();
  });
});
