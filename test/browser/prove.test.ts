import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSonde, type Model, type ProofProgress, type Sonde } from '../../src/index.ts';
import { inferred } from '../zoo/expected.ts';

const zoo = (name: string): string => `${location.origin}/test/zoo/${name}`;

describe.each([
  ['wasm', 'bert-classifier'],
  ['wasm', 't5'],
  ['wasm', 'vit'],
  ['webgpu', 'bert-classifier'],
] as const)('on %s, %s', (device, name) => {
  let sonde: Sonde;
  let model: Model;
  beforeAll(async () => {
    sonde = createSonde({ device });
    model = await sonde.load(zoo(name));
  });
  afterAll(() => sonde.dispose());

  it('is proved hook by hook as the table of the zoo says', async () => {
    const told: ProofProgress[] = [];
    const proof = await model.prove({ onProgress: (progress) => told.push(progress) });
    expect(proof).toMatchObject({ device, dtype: 'fp32', refused: {} });
    expect(proof.verdicts.filter(({ outcome }) => outcome.kind === 'fails')).toEqual([]);
    const expected = Object.fromEntries(
      model.hooks.map((hook) => [
        hook.name,
        hook.source.kind === 'unavailable'
          ? 'unavailable'
          : inferred[name]?.includes(hook.name)
            ? 'inferred'
            : 'proved',
      ]),
    );
    expect(proof.hooks).toEqual(expected);
    const last = told.at(-1);
    expect(last?.captured).toBe(last?.hooks);
    expect(last?.judged).toBe(last?.identities);
    expect(told.map(({ judged }) => judged)).toEqual(
      told.map(({ judged }) => judged).toSorted((a, b) => a - b),
    );
  });

  it('is captured over made-up inputs of the names it asks for', async () => {
    const inputs = await model.madeUpInputs();
    expect(Object.keys(inputs).toSorted()).toEqual(model.inputs.map((port) => port.name).toSorted());
    const capture = await model.capture(inputs, ['**.hook_pattern']);
    const [first] = capture.hooks;
    const pattern = await capture.get(first?.name ?? '');
    const keys = pattern.dims.at(-1) ?? 1;
    for (let row = 0; row < pattern.data.length; row += keys)
      expect(pattern.data.subarray(row, row + keys).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(
        1,
        4,
      );
    await capture.dispose();
  });
});

describe('a proof that goes on', () => {
  let sonde: Sonde;
  beforeAll(() => {
    sonde = createSonde({ device: 'wasm' });
  });
  afterAll(() => sonde.dispose());

  it('lets another request in, and stops when told to', async () => {
    const model = await sonde.load(zoo('llama-gqa-genai'));
    const stop = new AbortController();
    const proof = model.prove({ signal: stop.signal });
    let isOver = false;
    const over = proof.catch((error: unknown) => {
      isOver = true;
      return error;
    });
    const capture = await model.capture([5, 6, 7], ['blocks.0.attn.hook_pattern']);
    expect(isOver).toBe(false);
    expect(capture.hooks[0]?.dims).toEqual([1, model.heads, 3, 3]);
    stop.abort();
    expect(await over).toMatchObject({ code: 'aborted' });
    // The worker is free again and the model whole.
    const again = await model.capture([5, 6, 7], ['blocks.1.attn.hook_pattern']);
    expect(again.hooks[0]?.dims).toEqual([1, model.heads, 3, 3]);
  });

  it('needs its tokenizer for a text only', async () => {
    const model = await sonde.load(zoo('vit'));
    expect(model).toMatchObject({ hasTokenizer: false, kind: 'encoder', task: 'other' });
    expect(model.inputs.map(({ name }) => name)).toEqual(['pixel_values']);
    await expect(model.capture('words', ['blocks.0.hook_resid_pre'])).rejects.toMatchObject({
      code: 'tokenizer_mismatch',
    });
  });

  it('runs both graphs of a pair, and gives them as plain data, each node after what it reads', async () => {
    const model = await sonde.load(zoo('t5'));
    // Its decoder, told nothing, reads the one token that an answer begins with.
    const capture = await model.capture([5, 6, 7], ['decoder.blocks.0.cross_attn.hook_pattern']);
    expect(capture.hooks[0]?.dims).toEqual([1, model.heads, 1, 3]);
    const graphs = await model.graphs();
    expect(graphs.map(({ file }) => file)).toEqual(['encoder_model.onnx', 'decoder_model_merged.onnx']);
    for (const { nodes, inputs, outputs } of graphs) {
      const top = nodes.filter(({ within }) => within === undefined);
      const made = new Set(inputs);
      const all = new Set(top.flatMap((node) => node.outputs));
      for (const node of top) {
        for (const input of node.inputs) if (all.has(input)) expect(made, input).toContain(input);
        for (const output of node.outputs) made.add(output);
      }
      for (const output of outputs) expect(made).toContain(output);
    }
    expect(graphs[1]?.nodes.some(({ within }) => within?.endsWith('then_branch'))).toBe(true);
  });
});
