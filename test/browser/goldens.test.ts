import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSonde, type Model, type Sonde } from '../../src/index.ts';
import { compare, tolerances } from '../../src/prove/compare.ts';
import { readSafetensors } from '../../src/shared/safetensors.ts';

interface Golden {
  readonly inputs: {
    readonly single: { readonly text: readonly string[]; readonly input_ids: readonly (readonly number[])[] };
  };
  readonly generate?: { readonly tokens: readonly number[] };
}

describe.each(['wasm', 'webgpu'] as const)('the embedded models on %s', (device) => {
  let sonde: Sonde;
  beforeAll(() => {
    sonde = createSonde({ device });
  });
  afterAll(() => sonde.dispose());

  describe.each(['shakespeare-gpt', 'sentiment'])('%s', (name) => {
    let model: Model;
    let golden: Golden;
    let tensors: ReturnType<typeof readSafetensors>['tensors'];
    beforeAll(async () => {
      model = await sonde.load(`/models/${name}`);
      golden = (await (await fetch(`/models/${name}/golden.json`)).json()) as Golden;
      ({ tensors } = readSafetensors(
        new Uint8Array(await (await fetch(`/models/${name}/golden.safetensors`)).arrayBuffer()),
      ));
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
      const capture = await model.capture(golden.inputs.single.text[0] ?? '', names);
      for (const [name, expected] of tensors) {
        if (!names.includes(name)) continue;
        const comparison = compare(expected, await capture.get(name), tolerances[device]);
        expect([name, comparison]).toEqual([name, expect.objectContaining({ kind: 'compared', pass: true })]);
      }
      await capture.dispose();
    });
  });
});
