import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { instrument } from '../../../src/instrument/instrument.ts';
import { farthest } from '../../../src/prove/identity.ts';
import { emptyPlan } from '../../../src/shared/plan.ts';
import { type ModelFile, runPlan, type Values } from './zoo.ts';

/** Written by test/fixtures/graphs/make.py; the numbers are those of onnx's reference evaluator. */
const folder = 'test/fixtures/graphs';
const expected = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8')) as {
  readonly input_ids: readonly (readonly number[])[];
  readonly [tensor: string]: unknown;
};

function open(file: string): ModelFile {
  const bytes = new Uint8Array(readFileSync(`${folder}/${file}`));
  return { file, bytes, instrumented: instrument(bytes, { file }) };
}

const ids = (): ort.Tensor =>
  new ort.Tensor('int64', BigInt64Array.from(expected.input_ids.flat(), BigInt), [
    expected.input_ids.length,
    expected.input_ids[0]?.length ?? 0,
  ]);

const difference = (got: Values, golden: Values): number =>
  got.dims.join() === golden.dims.join()
    ? farthest(got.data, (at) => golden.data[at] ?? Number.NaN)
    : Number.POSITIVE_INFINITY;

const reference = (tensor: string): Values => {
  const { dims, data } = expected[tensor] as { dims: number[]; data: number[] };
  return { dims, data: Float32Array.from(data) };
};

describe('a model of functions of its own, one inside the other', () => {
  const model = open('functions.onnx');

  it.each([
    ['blocks.0.attn.hook_pattern', '0.pattern'],
    ['blocks.1.attn.hook_pattern', '1.pattern'],
    ['blocks.1.hook_attn_out', '1.attn_out'],
    ['blocks.0.hook_resid_mid', '0.mid'],
    ['blocks.1.hook_resid_post', '1.y'],
    ['raw:layers.1/attend/pattern', '1.pattern'],
  ])('gives %s', async (hook, tensor) => {
    const { taps } = await runPlan(model, { taps: [hook], edits: [] }, { input_ids: ids() });
    const found = taps.get(hook);
    expect(found && difference(found, reference(tensor))).toBeLessThan(1e-5);
  });

  it('gives the logits of the published file, bit for bit', async () => {
    const plain = await ort.InferenceSession.create(model.bytes, { executionProviders: ['wasm'] });
    const published = await plain.run({ input_ids: ids() });
    const { outputs } = await runPlan(model, emptyPlan, { input_ids: ids() });
    expect(outputs.logits?.data).toEqual(published.logits?.data);
  });

  it('has an edit inside a function change what comes after it', async () => {
    const edits = [{ kind: 'scale' as const, hook: 'blocks.0.attn.hook_z', input: 'factor' }];
    const fed = { input_ids: ids(), factor: new ort.Tensor('float32', Float32Array.of(0), [1]) };
    const taps = ['blocks.0.hook_attn_out', 'blocks.1.hook_resid_pre'];
    const found = await runPlan(model, { taps, edits }, fed);
    expect([...(found.taps.get('blocks.0.hook_attn_out')?.data ?? [1])].every((value) => value === 0)).toBe(
      true,
    );
  });
});

it('a weight stored as a Constant node is referred to, not copied', () => {
  const { bytes, instrumented } = open('functions.onnx');
  const { weights, bytes: edited } = instrumented.edit(emptyPlan, 'external');
  expect(weights.map(({ name, dims }) => [name, dims])).toContainEqual(['table', [128, 8]]);
  const text = (part: Uint8Array): string => Buffer.from(part).toString('latin1');
  for (const { offset, length } of weights)
    expect(text(edited)).not.toContain(text(bytes.subarray(offset, offset + Math.min(length, 64))));
});

it('a normalised row, replaced inside its operator, goes through gain and bias', async () => {
  const model = open('functions.onnx');
  const hook = 'blocks.1.ln2.hook_normalized';
  const taps = [hook, 'blocks.1.mlp.hook_pre'];
  const clean = (await runPlan(model, { taps, edits: [] }, { input_ids: ids() })).taps;
  const rows = clean.get(hook);
  if (rows === undefined) throw new Error('no rows');
  const edits = [{ kind: 'replace' as const, hook, input: 'rows' }];
  const fed = { input_ids: ids(), rows: new ort.Tensor('float32', rows.data, [...rows.dims]) };
  const same = (await runPlan(model, { taps: ['blocks.1.mlp.hook_pre'], edits }, fed)).taps;
  const [before, after] = [clean.get('blocks.1.mlp.hook_pre'), same.get('blocks.1.mlp.hook_pre')];
  if (before === undefined || after === undefined) throw new Error('no projection');
  expect(difference(after, before)).toBeLessThan(1e-5);
});

describe('a transformer inside a Loop', () => {
  const { instrumented } = open('loop.onnx');

  it('is described, and none of its hooks pretends to be there', () => {
    expect(instrumented.anatomy).toMatchObject({ heads: 2, dHead: 4 });
    expect(instrumented.hooks.every(({ source }) => source.kind === 'unavailable')).toBe(true);
    expect(instrumented.hooks.some(({ name }) => instrumented.has(name))).toBe(false);
    expect(() => instrumented.resolve(['blocks.0.attn.hook_pattern'])).toThrow(
      expect.objectContaining({ code: 'hook_unavailable', message: expect.stringContaining('Loop') }),
    );
  });

  it('has raw tensors outside the Loop, and says why not inside', () => {
    expect(instrumented.resolve(['raw:h0', 'raw:h2'])).toEqual(['raw:h0', 'raw:h2']);
    expect(() => instrumented.resolve(['raw:block/attend/pattern'])).toThrow(
      expect.objectContaining({ code: 'hook_unavailable', message: expect.stringContaining('Loop') }),
    );
  });
});

describe('a network of convolutions', () => {
  const model = open('cnn.onnx');

  it('says that it has no attention, and gives its activations by their own names', async () => {
    expect(model.instrumented.anatomy).toMatchObject({ kind: 'unknown', layers: 0, heads: 0 });
    expect(() => model.instrumented.resolve(['blocks.*.attn.hook_pattern'])).toThrow(
      expect.objectContaining({ code: 'hook_unknown', message: expect.stringContaining('no attention') }),
    );
    const pixels = new ort.Tensor('float32', new Float32Array(192).fill(0.5), [1, 3, 8, 8]);
    const taps = ['raw:/features/conv', 'raw:/features/relu'];
    const found = (await runPlan(model, { taps, edits: [] }, { pixel_values: pixels })).taps;
    const [conv, relu] = taps.map((name) => found.get(name));
    expect(relu?.dims).toEqual([1, 4, 8, 8]);
    expect([...(relu?.data ?? [])]).toEqual([...(conv?.data ?? [])].map((value) => Math.max(0, value)));
  });
});
