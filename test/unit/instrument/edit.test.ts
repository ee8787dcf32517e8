import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { type Edit, emptyPlan } from '../../../src/shared/plan.ts';
import { feeds, load, type ModelFile, readFolder, runGraph, runPlan, type Values, zoo } from './zoo.ts';

const folders = new Map(zoo().map((folder) => [folder.name, folder]));
const folder = folders.get('gpt2') ?? readFolder('test/zoo/gpt2', 'gpt2');
const gpt2 = load(folder, 'model.onnx');
const fed = feeds(folder, 'single', gpt2.instrumented.inputs);

async function logits(
  model: ModelFile,
  edits: Edit[],
  inputs: Record<string, ort.Tensor> = {},
): Promise<Float32Array> {
  const { outputs } = await runPlan(model, { taps: [], edits }, { ...fed, ...inputs });
  return outputs.logits?.data as Float32Array;
}

async function capture(hook: string): Promise<Values> {
  const { taps } = await runPlan(gpt2, { taps: [hook], edits: [] }, fed);
  const value = taps.get(hook);
  if (value === undefined) throw new Error(`no ${hook}`);
  return value;
}

const float = (values: Values): ort.Tensor => new ort.Tensor('float32', values.data, values.dims);

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, at) => Math.max(largest, Math.abs(value - (b[at] ?? Number.NaN))), 0);
}

const plain = await ort.InferenceSession.create(gpt2.bytes, { executionProviders: ['wasm'] });
const published = (await plain.run(fed)).logits?.data as Float32Array;

describe('the empty plan', () => {
  for (const each of folders.values()) {
    for (const [dtype, files] of each.variants) {
      for (const file of files.filter((name) => !name.startsWith('decoder'))) {
        it(`leaves every output of ${each.name} ${dtype} ${file} bit-identical`, async () => {
          const model = load(each, file);
          const inputs = feeds(each, 'single', model.instrumented.inputs);
          const original = await ort.InferenceSession.create(model.bytes, { executionProviders: ['wasm'] });
          const before = await original.run(inputs);
          const { outputs } = await runPlan(model, emptyPlan, inputs);
          expect(Object.keys(outputs)).toEqual(Object.keys(before));
          for (const [name, tensor] of Object.entries(before)) {
            expect(Buffer.from(bytesOf(outputs[name])).equals(Buffer.from(bytesOf(tensor)))).toBe(true);
          }
          await original.release();
        });
      }
    }
  }

  it('carries the weights by reference, not by value', () => {
    const graph = gpt2.instrumented.edit(emptyPlan, 'external');
    const referred = graph.weights.reduce((sum, weight) => sum + weight.length, 0);
    expect(graph.bytes.length + referred).toBeLessThan(gpt2.bytes.length * 1.05);
    expect(graph.weights.every((weight) => weight.file === 'model.onnx')).toBe(true);
  });
});

const bytesOf = (tensor: ort.Tensor | undefined): Uint8Array => {
  const data = tensor?.data;
  if (!ArrayBuffer.isView(data)) throw new Error('the output has no numbers');
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
};

describe('a gathered plan', () => {
  for (const each of folders.values()) {
    const files = each.variants.get('fp32')?.filter((name) => !name.startsWith('decoder')) ?? [];
    it.each(files)(`gives the hooks of ${each.name} %s as parts of few outputs`, async (file) => {
      const model = load(each, file);
      const { instrumented } = model;
      const known = instrumented.hooks.filter(({ source }) => source.kind !== 'unavailable');
      const taps = known.map(({ name }) => name).filter((name) => isSummarised.test(name));
      if (taps.length === 0) return;
      const inputs = feeds(each, 'single', instrumented.inputs);
      const apart = await runPlan(model, { taps, edits: [] }, inputs);
      const graph = instrumented.edit({ taps, edits: [], isGathered: true }, 'external');
      expect(new Set(graph.taps.map(({ output }) => output)).size).toBeLessThanOrEqual(6);
      const { taps: together } = await runGraph(model, graph, inputs);
      for (const [hook, { dims, data }] of apart.taps) {
        const found = together.get(hook);
        expect(found?.dims, hook).toEqual(dims);
        // An output may keep the runtime from fusing what a Concat lets it fuse.
        expect(largestDifference(found?.data ?? new Float32Array(), data), hook).toBeLessThan(5e-5);
        expect(found?.data).toHaveLength(data.length);
      }
    });
  }
});

const isSummarised = /attn\.hook_pattern$|hook_resid_post$|mlp\.hook_post$/;

describe('an edit', () => {
  it('replaced by what was there, changes nothing', async () => {
    for (const hook of [
      'blocks.1.hook_resid_pre',
      'blocks.0.attn.hook_z',
      'blocks.2.attn.hook_pattern',
      'blocks.1.attn.hook_v',
      'blocks.0.mlp.hook_post',
    ]) {
      const same = await logits(gpt2, [{ kind: 'replace', hook, input: 'patch' }], {
        patch: float(await capture(hook)),
      });
      expect(largestDifference(same, published), hook).toBeLessThan(5e-4);
    }
  });

  it('adding zero and scaling by one change nothing', async () => {
    const zero = new ort.Tensor('float32', Float32Array.of(0), [1]);
    const one = new ort.Tensor('float32', Float32Array.of(1), [1]);
    const added = await logits(gpt2, [{ kind: 'add', hook: 'blocks.1.hook_resid_mid', input: 'steer' }], {
      steer: zero,
    });
    const scaled = await logits(gpt2, [{ kind: 'scale', hook: 'blocks.1.hook_mlp_out', input: 'factor' }], {
      factor: one,
    });
    expect(largestDifference(added, published)).toBeLessThan(5e-4);
    expect(largestDifference(scaled, published)).toBeLessThan(5e-4);
  });

  it('scaling every branch of a block to zero leaves the stream as it came in', async () => {
    const edits: Edit[] = ['hook_attn_out', 'hook_mlp_out'].map((name) => ({
      kind: 'scale',
      hook: `blocks.1.${name}`,
      input: `factor_${name}`,
    }));
    const zero = new ort.Tensor('float32', Float32Array.of(0), [1]);
    const taps = ['blocks.1.hook_resid_pre', 'blocks.1.hook_resid_post'];
    const { taps: got } = await runPlan(
      gpt2,
      { taps, edits },
      { ...fed, factor_hook_attn_out: zero, factor_hook_mlp_out: zero },
    );
    expect(got.get('blocks.1.hook_resid_post')?.data).toEqual(got.get('blocks.1.hook_resid_pre')?.data);
  });

  it('of one head changes only what that head does', async () => {
    const mask = new ort.Tensor('float32', Float32Array.of(1, 0, 1, 1), [1, 1, 4, 1]);
    const hook = 'blocks.0.attn.hook_z';
    const { taps } = await runPlan(
      gpt2,
      { taps: [hook], edits: [{ kind: 'scale', hook, input: 'heads' }] },
      { ...fed, heads: mask },
    );
    const before = await capture(hook);
    const after = taps.get(hook)?.data ?? new Float32Array();
    for (const [at, value] of before.data.entries()) {
      expect(Math.abs((after[at] ?? 1) - (Math.floor(at / 16) % 4 === 1 ? 0 : value))).toBe(0);
    }
  });

  it('reaches into both branches of a merged decoder', async () => {
    const t5 = readFolder('test/zoo/t5', 't5');
    const encoder = load(t5, 'encoder_model.onnx');
    const { outputs } = await runPlan(encoder, emptyPlan, feeds(t5, 'single', encoder.instrumented.inputs));
    const decoder = load(t5, 'decoder_model_merged.onnx');
    const inputs = feeds(t5, 'single', decoder.instrumented.inputs, outputs.last_hidden_state);
    const hook = 'decoder.blocks.1.hook_cross_attn_out';
    const zero = new ort.Tensor('float32', Float32Array.of(0), [1]);
    const { taps } = await runPlan(
      decoder,
      {
        taps: [hook, 'decoder.blocks.1.hook_resid_mid', 'decoder.blocks.1.hook_resid_mid_cross'],
        edits: [{ kind: 'scale', hook, input: 'factor' }],
      },
      { ...inputs, factor: zero },
    );
    expect(taps.get('decoder.blocks.1.hook_resid_mid_cross')?.data).toEqual(
      taps.get('decoder.blocks.1.hook_resid_mid')?.data,
    );
  });

  it('reaches a sum that its norm keeps to itself, by way of what is added last', async () => {
    const hook = 'blocks.2.hook_resid_post';
    const of = folders.get('llama-gqa-genai') ?? readFolder('test/zoo/llama-gqa-genai', 'llama-gqa-genai');
    const llama = load(of, 'model.onnx');
    const given = feeds(of, 'single', llama.instrumented.inputs);
    const edits: Edit[] = [{ kind: 'add', hook, input: 'steer' }];
    const before = await runPlan(llama, { taps: [hook], edits: [] }, given);
    const steer = new ort.Tensor('float32', Float32Array.of(0.5), [1]);
    const after = await runPlan(llama, { taps: [hook], edits }, { ...given, steer });
    const was = before.taps.get(hook)?.data ?? new Float32Array();
    expect(was.length).toBeGreaterThan(0);
    const wanted = was.map((value) => value + 0.5);
    expect(largestDifference(wanted, after.taps.get(hook)?.data ?? new Float32Array())).toBeLessThan(1e-4);
    // What makes up for the change there is not what the MLP gave.
    expect(() => llama.instrumented.edit({ taps: ['blocks.2.hook_mlp_out'], edits }, 'external')).toThrow(
      expect.objectContaining({ code: 'invalid_plan' }),
    );
  });

  it('at a value that is only recomputed is refused', () => {
    const plan = {
      taps: [],
      edits: [{ kind: 'scale', hook: 'blocks.0.ln1.hook_scale', input: 'x' }],
    } as const;
    expect(() => gpt2.instrumented.edit(plan, 'external')).toThrow(
      expect.objectContaining({ code: 'invalid_plan' }),
    );
  });

  it('cannot take the name of an input of the model', () => {
    const plan = {
      taps: [],
      edits: [{ kind: 'scale', hook: 'blocks.0.hook_mlp_out', input: 'input_ids' }],
    } as const;
    expect(() => gpt2.instrumented.edit(plan, 'external')).toThrow(
      expect.objectContaining({ code: 'invalid_plan' }),
    );
  });
});

describe('weights as inputs', () => {
  it('give the same logits when they are fed', async () => {
    const graph = gpt2.instrumented.edit(emptyPlan, 'inputs');
    const created = await ort.InferenceSession.create(graph.bytes, { executionProviders: ['wasm'] });
    const weights = Object.fromEntries(
      graph.weights.map(({ name, dims, offset, length }) => {
        const data = new Float32Array(gpt2.bytes.slice(offset, offset + length).buffer);
        return [name, new ort.Tensor('float32', data, dims)];
      }),
    );
    const { logits: got } = await created.run({ ...fed, ...weights });
    expect(largestDifference(got?.data as Float32Array, published)).toBeLessThan(1e-5);
    await created.release();
  });
});
