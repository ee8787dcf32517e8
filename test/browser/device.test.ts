import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSonde, type Model, type Sonde } from '../../src/index.ts';

const folder = '/models/shakespeare-gpt';

/** What PyTorch gave. */
const golden = async (): Promise<{
  readonly inputs: { readonly single: { readonly text: readonly string[] } };
  readonly generate: { readonly tokens: readonly number[] };
}> => (await fetch(`${folder}/golden.json`)).json();

/** Seeded draws of a model, cut to the twenty likeliest and whole. */
async function drawn(model: Model) {
  const steps: { id: number; entropy: number; confidence: number; likeliest: number[] }[] = [];
  for (const sampling of [{ topK: 20 }, {}]) {
    const options = { maxNewTokens: 3, temperature: 0.8, seed: 5, ...sampling };
    for await (const { token, entropy, confidence, topK } of model.generate('ROMEO:', options)) {
      steps.push({ id: token.id, entropy, confidence, likeliest: topK.map(({ id }) => id) });
    }
  }
  return steps;
}

describe('a GPU device', () => {
  let sonde: Sonde;
  let model: Model;
  beforeAll(async () => {
    sonde = createSonde({
      device: 'webgpu',
      worker: () => new Worker(new URL('./lossy-inspector.ts', import.meta.url), { type: 'module' }),
    });
    model = await sonde.load(folder);
  });
  const losing = new BroadcastChannel('lose the device');
  afterAll(async () => {
    losing.close();
    await sonde.dispose();
  });

  it('draws the same seeded tokens from logits on the GPU as WASM does, with the same signals', async () => {
    const onWasm = createSonde({ device: 'wasm' });
    const [onCpu, onGpu] = [await drawn(await onWasm.load(folder)), await drawn(model)];
    await onWasm.dispose();
    expect(onGpu.map(({ id }) => id)).toEqual(onCpu.map(({ id }) => id));
    for (const [index, step] of onCpu.entries()) {
      expect(onGpu[index]?.entropy).toBeCloseTo(step.entropy, 3);
      expect(onGpu[index]?.confidence).toBeCloseTo(step.confidence, 3);
      expect(onGpu[index]?.likeliest).toEqual(step.likeliest);
    }
  });

  it('that is lost in mid-generation takes nothing from the answer: it runs again on a new one, and says so', async () => {
    const { inputs, generate } = await golden();
    const generation = model.generate(inputs.single.text[0] ?? '', { maxNewTokens: 6 });
    const ids: number[] = [];
    for await (const { index, token } of generation) {
      ids.push(token.id);
      if (index === 2) losing.postMessage('now');
    }
    expect(ids).toEqual(generate.tokens.slice(0, 6));
    const { provenance } = await generation.end;
    expect(provenance).toMatchObject({ outcome: 'ok', device: 'webgpu', outputTokens: 6 });
    expect(provenance.recoveries?.map(({ code }) => code)).toEqual(['device_lost']);
  });

  it('that is lost is device_lost when the new one goes as well', async () => {
    const broken = (async () => {
      for await (const { index } of model.generate('To be, or', { maxNewTokens: 100 })) {
        if (index === 1 || index === 3) losing.postMessage('now');
      }
    })();
    await expect(broken).rejects.toMatchObject({ code: 'device_lost' });
  });
});

describe('a device choice', () => {
  it('falls from a WebGPU that has no adapter to WASM, and says why', async () => {
    const sonde = createSonde({
      worker: () => new Worker(new URL('./gpuless-inspector.ts', import.meta.url), { type: 'module' }),
    });
    const { device, identity } = await sonde.load(folder);
    expect(device).toMatchObject({ device: 'wasm', dtype: 'fp32' });
    expect(device.fallbacks).toEqual([
      { device: 'webgpu', dtype: 'fp32', reason: 'WebGPU found no adapter.' },
    ]);
    expect(identity.fallbacks).toBe(1);
    await sonde.dispose();
  });

  it('of WebGPU only is no_device where there is none', async () => {
    const sonde = createSonde({
      device: 'webgpu',
      worker: () => new Worker(new URL('./gpuless-inspector.ts', import.meta.url), { type: 'module' }),
    });
    await expect(sonde.load(folder)).rejects.toMatchObject({ code: 'no_device' });
    await sonde.dispose();
  });

  it('gives greedy tokens that PyTorch gave, in q8 as well', async () => {
    const { inputs, generate } = await golden();
    const sonde = createSonde({ device: 'wasm' });
    for (const dtype of ['fp32', 'q8'] as const) {
      const model = await sonde.load(folder, { dtype });
      expect(model.device.dtype).toBe(dtype);
      const ids: number[] = [];
      const options = { maxNewTokens: generate.tokens.length };
      for await (const { token } of model.generate(inputs.single.text[0] ?? '', options)) ids.push(token.id);
      expect(ids).toEqual(generate.tokens);
    }
    await sonde.dispose();
  });

  it('answers in q8 on WebGPU, or says what it fell back to', async () => {
    const sonde = createSonde();
    const model = await sonde.load(folder, { dtype: 'q8' });
    const { device } = model;
    expect([device.device, device.dtype, device.fallbacks]).toEqual(['webgpu', 'q8', []]);
    expect((await model.generate('To be, or', { maxNewTokens: 2 }).end).provenance.dtype).toBe('q8');
    await sonde.dispose();
  });

  it('falls from a dtype that does not run on this adapter to one that does', async () => {
    // SwiftShader has no shader-f16, so an fp16 file fails there, some only at their first run.
    const zoo = '/test/zoo/gpt2';
    if (!(await fetch(`${zoo}/config.json`)).ok) throw new Error('the zoo is not served');
    const sonde = createSonde({ device: 'auto' });
    const { device } = await sonde.load(zoo, { dtype: 'fp16' });
    expect(device).toMatchObject({ device: 'webgpu', dtype: 'fp32' });
    expect(device.fallbacks).toMatchObject([{ device: 'webgpu', dtype: 'fp16' }]);
    await sonde.dispose();
  });
});
