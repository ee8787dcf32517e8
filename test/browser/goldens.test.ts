import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors, type Tensors } from '../../src/cli/safetensors.ts';
import { createSonde, type Model, type Sonde } from '../../src/index.ts';

interface Golden {
  readonly inputs: {
    readonly single: { readonly text: readonly string[]; readonly input_ids: readonly (readonly number[])[] };
  };
  readonly generate?: { readonly tokens: readonly number[] };
}

/** PyTorch writes the lowest float32 where a score is masked. */
const masked = -1e30;

function largestDifference(golden: Float32Array, found: Float32Array): number {
  expect(found.length).toBe(golden.length);
  let largest = 0;
  golden.forEach((value, index) => {
    const other = found[index] ?? Number.NaN;
    if (value <= masked) expect(other).toBeLessThanOrEqual(masked);
    else largest = Math.max(largest, Math.abs(value - other));
    expect(other).not.toBeNaN();
  });
  return largest;
}

const scaleOf = (golden: Float32Array): number =>
  golden.reduce((largest, value) => (value <= masked ? largest : Math.max(largest, Math.abs(value))), 1);

describe.each(['wasm', 'webgpu'] as const)('the embedded models on %s', (device) => {
  const tolerance = device === 'wasm' ? 1e-4 : 1e-3;
  let sonde: Sonde;
  beforeAll(() => {
    sonde = createSonde({ device });
  });
  afterAll(() => sonde.dispose());

  describe.each(['shakespeare-gpt', 'sentiment'])('%s', (name) => {
    let model: Model;
    let golden: Golden;
    let tensors: Tensors;
    beforeAll(async () => {
      model = await sonde.load(`/models/${name}`);
      golden = (await (await fetch(`/models/${name}/golden.json`)).json()) as Golden;
      tensors = readSafetensors(
        new Uint8Array(await (await fetch(`/models/${name}/golden.safetensors`)).arrayBuffer()),
      );
    });

    it('runs where it was asked to, in fp32', () => {
      expect(model.device).toMatchObject({ device, dtype: 'fp32', fallbacks: [] });
      expect(model.device.adapter?.architecture).toBe(device === 'webgpu' ? 'swiftshader' : undefined);
    });

    it('tokenizes the golden text to the ids PyTorch saw', async () => {
      const capture = await model.capture(golden.inputs.single.text[0] ?? '', ['hook_embed']);
      expect(capture.tokens.map(({ id }) => id)).toEqual(golden.inputs.single.input_ids[0]);
      await capture.dispose();
    });

    it('captures every golden hook of every layer and head within tolerance', async () => {
      const names = [...tensors.keys()].filter((key) => !/^(padded|generate)\./.test(key));
      expect(names.filter((key) => key.endsWith('hook_pattern'))).toHaveLength(model.layers);
      const capture = await model.capture(
        golden.inputs.single.text[0] ?? '',
        names.map((key) => (key === 'logits' ? 'unembed.hook_out' : key)),
      );
      for (const key of names) {
        const expected = tensors.get(key);
        if (expected === undefined) throw new Error(key);
        const found = await capture.get(key === 'logits' ? 'unembed.hook_out' : key);
        expect([key, ...found.dims]).toEqual([key, ...expected.dims]);
        const golden = expected.data as Float32Array;
        expect(largestDifference(golden, found.data), key).toBeLessThanOrEqual(tolerance * scaleOf(golden));
      }
      await capture.dispose();
    });
  });
});
