import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSonde, type GenerateOptions, type Model, type Sonde, type Step } from '../../src/index.ts';

const gpt = '/models/shakespeare-gpt';
const t5 = '/test/zoo/t5';
const prompt = 'To be, or not to be';

async function run(model: Model, text: string, options: GenerateOptions) {
  const steps: Step[] = [];
  const generation = model.generate(text, options);
  for await (const step of generation) steps.push(step);
  return { steps, ids: steps.map(({ token }) => token.id), end: await generation.end, generation };
}

describe.each(['wasm', 'webgpu'] as const)('generate on %s', (device) => {
  let sonde: Sonde;
  let model: Model;
  beforeAll(async () => {
    sonde = createSonde({ device });
    model = await sonde.load(gpt);
  });
  afterAll(() => sonde.dispose());

  it('decodes an encoder-decoder to the tokens PyTorch gives, and captures both graphs', async () => {
    const golden = (await (await fetch(`${t5}/golden.json`)).json()) as {
      inputs: { single: { text: string[]; input_ids: number[][] } };
      generate: { tokens: number[] };
    };
    const translator = await sonde.load(t5);
    expect(translator.device).toMatchObject({ device, dtype: 'fp32' });
    expect(translator.task).toBe('text2text-generation');
    const { tokens } = golden.generate;
    const patterns = ['encoder.blocks.0.attn.hook_pattern', 'decoder.blocks.*.cross_attn.hook_pattern'];
    const { ids, generation } = await run(translator, golden.inputs.single.text[0] ?? '', {
      maxNewTokens: tokens.length,
      capture: patterns,
    });
    expect(ids).toEqual(tokens);
    const capture = await generation.capture;
    const read = golden.inputs.single.input_ids[0] ?? [];
    expect(capture.encoderTokens?.map(({ id }) => id)).toEqual(read);
    // The start token, and all that was made but the last, which was never run.
    expect(capture.tokens.map(({ id }) => id)).toEqual([1, ...tokens.slice(0, -1)]);
    const cross = await capture.get('decoder.blocks.1.cross_attn.hook_pattern');
    expect(cross.dims).toEqual([1, 4, tokens.length, read.length]);
    const row = cross.data.slice(-read.length);
    expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 4);
    await capture.dispose();
    await translator.dispose();
  });

  it('ends before a stop string that tokens cut through, and takes back what made it', async () => {
    const whole = await run(model, prompt, { maxNewTokens: 12 });
    // From the middle of the fifth token into the sixth.
    const texts = whole.steps.map(({ token }) => token.text);
    const before = texts.slice(0, 4).join('').length;
    const from = before + Math.ceil((texts[4]?.length ?? 0) / 2);
    const stop = whole.end.text.slice(from, before + (texts[4]?.length ?? 0) + 1);
    const at = whole.end.text.indexOf(stop);
    const hook = 'blocks.0.attn.hook_pattern';
    const { steps, end, generation } = await run(model, prompt, {
      maxNewTokens: 12,
      stop: ['\u0000', stop],
      capture: [hook],
    });
    expect(end.reason).toBe('stop');
    expect(end.text).toBe(whole.end.text.slice(0, at));
    expect(steps.map(({ token }) => token)).toEqual(
      whole.steps.slice(0, steps.length).map(({ token }) => token),
    );
    expect(end.provenance.outputTokens).toBe(steps.length);
    const capture = await generation.capture;
    const seen = capture.tokens.length;
    expect(capture.tokens).toEqual(end.tokens.slice(0, seen));
    expect((await capture.get(hook)).dims).toEqual([1, model.heads, seen, seen]);
    await capture.dispose();
  });

  it('streams the rows of attention that the capture holds in the end', async () => {
    const hook = 'blocks.1.attn.hook_pattern';
    const { steps, generation } = await run(model, prompt, { maxNewTokens: 3, capture: [hook] });
    const capture = await generation.capture;
    const whole = await capture.get(hook);
    const size = whole.dims.at(-1) ?? 0;
    const rows = steps.flatMap(({ attention = [] }) => attention.map((each) => each[hook]));
    expect(rows.map((each) => each?.dims[2])).toEqual([size - 2, 1, 1]);
    const last = rows.at(-1);
    expect([...(last?.data.slice(0, size) ?? [])]).toEqual([
      ...whole.data.slice((size - 1) * size, size * size),
    ]);
    await capture.dispose();
  });

  it('gives two requests at once what each alone is given', async () => {
    const asked = [
      ['ROMEO:', { maxNewTokens: 4, capture: 'summary' }],
      ['JULIET:', { maxNewTokens: 4, temperature: 0.8, seed: 3 }],
    ] as const;
    const alone: (readonly number[])[] = [];
    for (const [text, options] of asked) alone.push((await run(model, text, options)).ids);
    const together = await Promise.all(asked.map(([text, options]) => run(model, text, options)));
    expect(together.map(({ ids }) => ids)).toEqual(alone);
  });

  it('reads little back: the likeliest tokens, and statistics that do not grow with the text', async () => {
    const off = await run(model, prompt, { maxNewTokens: 4 });
    const summary = await run(model, prompt, { maxNewTokens: 4, capture: 'summary' });
    expect(summary.ids).toEqual(off.ids);
    const [first, second] = summary.steps.map(({ summaries }) => summaries?.[0]);
    expect(first?.attention.map(({ hook }) => hook)).toContain('blocks.3.attn.hook_pattern');
    expect(second?.attention[0]?.entropy).toHaveLength(model.heads);
    expect(second?.activations.map(({ hook }) => hook)).toContain('blocks.0.mlp.hook_post');
    if (device === 'wasm') {
      expect(off.end.gpu).toBeUndefined();
      return;
    }
    expect(off.end.gpu).toMatchObject({ synchronisations: 4, dispatches: 4 });
    expect((off.end.gpu?.bytesRead ?? 0) / 4).toBeLessThanOrEqual(4096);
    const rows = off.end.provenance.inputTokens + 3;
    expect(summary.end.gpu?.synchronisations).toBe(4);
    expect((summary.end.gpu?.bytesRead ?? 0) / rows).toBeLessThanOrEqual(65_536);
  });

  it('says by the lens of the last block what it says itself', async () => {
    const { layers, tokens } = await model.lens(prompt);
    expect(layers.map(({ hook }) => hook)).toEqual([0, 1, 2, 3].map((at) => `blocks.${at}.hook_resid_post`));
    expect(layers.map(({ positions }) => positions.length)).toEqual(layers.map(() => tokens.length));
    const { steps } = await run(model, prompt, { maxNewTokens: 1 });
    const end = layers.at(-1)?.positions.at(-1);
    expect(end?.topK[0]).toMatchObject({ id: steps[0]?.token.id });
    expect(end?.entropy).toBeCloseTo(steps[0]?.entropy ?? -1, 3);
  });

  it('refuses what does not fit, by name', async () => {
    const refused = async (options: GenerateOptions) => (await model.generate(prompt, options)).end;
    await expect(refused({ maxNewTokens: 300, overflow: 'error' })).rejects.toMatchObject({
      code: 'context_overflow',
    });
    await expect(refused({ capture: 'full', captureBudget: 1e5 })).rejects.toMatchObject({
      code: 'capture_too_large',
    });
    await expect(refused({ temperature: -1 })).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(model.generate([{ role: 'user', content: prompt }]).end).rejects.toMatchObject({
      code: 'wrong_task',
    });
  });
});

it('draws the same tokens on both devices with penalty, min-p and a wide distribution', async () => {
  const found: number[][] = [];
  for (const device of ['wasm', 'webgpu'] as const) {
    const sonde = createSonde({ device });
    const model = await sonde.load(gpt);
    const { ids, end } = await run(model, prompt, {
      maxNewTokens: 6,
      temperature: 1.2,
      minP: 0.02,
      topP: 0.95,
      repetitionPenalty: 1.4,
      seed: 11,
    });
    found.push(ids);
    if (device === 'webgpu') expect((end.gpu?.bytesRead ?? 0) / 6).toBeLessThanOrEqual(4096 + 1024);
    await sonde.dispose();
  }
  expect(found[1]).toEqual(found[0]);
});
