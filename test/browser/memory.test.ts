import { afterEach, describe, expect, it } from 'vitest';
import { createSonde, type DeviceChoice, type Model, type Sonde } from '../../src/index.ts';
import { hungry } from '../hungry.ts';

const folder = '/test/zoo/llama-optimum';
const paths = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx'];

const prompt = 'a text long enough '.repeat(6);

let sonde: Sonde | undefined;
afterEach(() => sonde?.dispose());

/** The zoo's decoder, which takes so many numbers a token more than it needs, on a GPU of 256 MiB a buffer. */
async function load(device: DeviceChoice, floats: number): Promise<Model> {
  const files = await Promise.all(
    paths.map(async (path) => {
      const bytes = new Uint8Array(await (await fetch(`${folder}/${path}`)).arrayBuffer());
      const part = path.endsWith('.onnx') ? hungry(bytes, floats) : bytes;
      return { path: `hungry/${path}`, file: new File([part], path.split('/').at(-1) ?? path) };
    }),
  );
  sonde = createSonde({
    device,
    worker: () => new Worker(new URL('./small-inspector.ts', import.meta.url), { type: 'module' }),
  });
  return sonde.load(files);
}

describe('a GPU whose buffers are too small', () => {
  it('for a whole prompt takes it in pieces, and says so; for one forward it is out_of_memory', async () => {
    const model = await load('webgpu', 2 ** 21);
    const { provenance, tokens } = await model.generate(prompt, { maxNewTokens: 2 }).end;
    expect(provenance.inputTokens).toBeGreaterThan(32);
    expect(provenance).toMatchObject({ outcome: 'ok', device: 'webgpu', outputTokens: 2 });
    expect(provenance.recoveries).toEqual([
      { code: 'out_of_memory', message: 'Memory ran out. The prompt went on in pieces of 16 tokens.' },
    ]);
    const plain = createSonde({ device: 'wasm' });
    expect(tokens).toEqual(
      (await (await plain.load(folder)).generate(prompt, { maxNewTokens: 2 }).end).tokens,
    );
    await plain.dispose();
    const capture = model.capture(prompt, ['blocks.0.attn.hook_pattern']);
    await expect(capture).rejects.toMatchObject({ code: 'out_of_memory' });
  });

  it('for the least piece leaves the model to WASM, where it stays, and says so', async () => {
    const model = await load('auto', 5 * 2 ** 20);
    const capture = await model.capture(prompt.slice(0, 48), ['blocks.0.attn.hook_pattern']);
    expect(capture.provenance).toMatchObject({ outcome: 'ok', device: 'wasm', fallbacks: 1 });
    expect(capture.provenance.recoveries?.map(({ code }) => code)).toEqual(['out_of_memory']);
    expect((await capture.get('blocks.0.attn.hook_pattern')).dims).toHaveLength(4);
    expect(model.device.fallbacks).toMatchObject([{ device: 'webgpu', dtype: 'fp32' }]);
    const { provenance } = await model.generate('a', { maxNewTokens: 1 }).end;
    expect([provenance.device, provenance.recoveries]).toEqual(['wasm', undefined]);
  });
});
