import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-web';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Comparison, compare } from '../../../src/prove/compare.ts';
import { splitWeights } from '../../hub/split.ts';
import { feeds, readFolder, type Values } from '../instrument/zoo.ts';
import { sonde } from './sonde.ts';

const gpt2 = 'test/zoo/gpt2/onnx/model.onnx';
let scratch: string;
let out: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sonde-instrument-'));
  out = join(scratch, 'out.onnx');
});
afterAll(() => rm(scratch, { recursive: true }));

/** What any onnxruntime does with a file: no plan, nothing of Sonde. */
async function run(
  model: string,
  more: Readonly<Record<string, ort.Tensor>> = {},
  externalData: { path: string; data: Uint8Array }[] = [],
  file = out,
): Promise<ort.InferenceSession.OnnxValueMapType> {
  const folder = readFolder(`test/zoo/${model}`, model);
  const session = await ort.InferenceSession.create(await readFile(file), {
    executionProviders: ['wasm'],
    externalData,
  });
  const own = session.inputMetadata.filter(({ name }) => !(name in more));
  const ports = own.map((port) => ({
    name: port.name,
    type: port.isTensor && port.type === 'float16' ? 'float16' : 'float',
    dims: port.isTensor ? port.shape : [],
  }));
  try {
    return await session.run({ ...feeds(folder, 'single', ports), ...more });
  } finally {
    await session.release();
  }
}

const valuesOf = (tensor: ort.Tensor | undefined): Float32Array => tensor?.data as Float32Array;

const against = (golden: Values, output: ort.Tensor): Comparison =>
  compare(
    { type: 'float32', ...golden },
    { type: 'float32', dims: output.dims, data: valuesOf(output) },
    1e-4,
  );

describe('sonde instrument', () => {
  it.each(['gpt2', 'llama-gqa-genai', 'bert-fused', 'vit', 'gpt2-opset23'])(
    'writes %s with every hook as an output under its name, equal to the goldens of PyTorch',
    async (model) => {
      const from = `test/zoo/${model}/onnx/model.onnx`;
      expect((await sonde('instrument', from, out, '--capture', '**')).status).toBe(0);
      const outputs = await run(model);
      const { goldens } = readFolder(`test/zoo/${model}`, model);
      let compared = 0;
      for (const [hook, golden] of goldens) {
        const output = outputs[hook];
        if (output === undefined) continue;
        compared++;
        expect(against(golden, output), hook).toMatchObject({ pass: true });
      }
      expect(compared).toBeGreaterThan(35);
    },
  );

  it('leaves the outputs of the model as they were, bit for bit, when attention is tapped', async () => {
    await sonde('instrument', gpt2, out, '--capture', '**.hook_pattern');
    const [plain, tapped] = [await run('gpt2', {}, [], gpt2), await run('gpt2')];
    expect(Object.keys(tapped)).toEqual(expect.arrayContaining(Object.keys(plain)));
    for (const name of Object.keys(plain)) expect(valuesOf(tapped[name])).toEqual(valuesOf(plain[name]));
  });

  it('takes an edit from a run-time input or from the plan, with the same effect', async () => {
    const plan = join(scratch, 'plan.json');
    const edits = [{ kind: 'scale', hook: 'blocks.1.attn.hook_z', input: 'heads' }];
    const data = [1, 0, 1, 1];
    await writeFile(plan, JSON.stringify({ taps: ['blocks.1.hook_attn_out'], edits }));
    const said = await sonde('instrument', gpt2, out, '--plan', plan);
    expect(said.stdout).toMatch(/^input heads \[/m);
    const fed = await run('gpt2', { heads: new ort.Tensor('float32', data, [1, 1, 4, 1]) });
    await writeFile(plan, JSON.stringify({ edits, constants: { heads: { dims: [1, 1, 4, 1], data } } }));
    expect((await sonde('instrument', gpt2, out, '--plan', plan)).stdout).toMatch(/^constant heads$/m);
    const fixed = await run('gpt2');
    expect(valuesOf(fixed.logits)).toEqual(valuesOf(fed.logits));
    const plain = await run('gpt2', {}, [], gpt2);
    expect(valuesOf(fixed.logits)).not.toEqual(valuesOf(plain.logits));
  });

  it('leaves external data where it is, and refuses to write where it would not be found', async () => {
    const { graph, data } = splitWeights(new Uint8Array(await readFile(gpt2)), ['w_1', 'sub/w_2']);
    const folder = join(scratch, 'split');
    await mkdir(join(folder, 'sub'), { recursive: true });
    for (const [location, body] of data) await writeFile(join(folder, location), body);
    await writeFile(join(folder, 'model.onnx'), graph);
    const beside = join(folder, 'tapped.onnx');
    const written = await sonde(
      ...['instrument', join(folder, 'model.onnx'), beside, '--capture', '**.hook_pattern'],
    );
    expect(written.stdout).toContain('weights stay in w_1, sub/w_2');
    expect((await readFile(beside)).length).toBeLessThan(graph.length * 1.1);
    const externalData = [...data].map(([path, body]) => ({ path, data: body }));
    const outputs = await run('gpt2', {}, externalData, beside);
    const golden = readFolder('test/zoo/gpt2', 'gpt2').goldens.get('blocks.2.attn.hook_pattern');
    const pattern = outputs['blocks.2.attn.hook_pattern'];
    if (golden === undefined || pattern === undefined) throw new Error('no pattern');
    expect(against(golden, pattern)).toMatchObject({ pass: true });
    const elsewhere = await sonde(
      'instrument',
      join(folder, 'model.onnx'),
      out,
      '--capture',
      '**.hook_pattern',
    );
    expect(elsewhere).toMatchObject({ status: 2, stderr: expect.stringContaining('w_1') });
  });

  it.each([
    ['{"taps": "blocks"}', '"taps"'],
    ['{"edit": []}', '"edit"'],
    ['{"edits": [{"kind": "double", "hook": "x", "input": "y"}]}', '"edits"'],
    ['{"constants": {"x": {"dims": [2], "data": [1]}}}', 'constant "x"'],
    ['{"constants": {"x": {"dims": [1], "data": [1]}}}', 'No edit reads'],
    ['{"edits": [{"kind": "add", "hook": "blocks.0.hook_z", "input": "y"}]}', 'blocks.0'],
    ['{', 'not JSON'],
  ])('names what is wrong with the plan %s', async (text, what) => {
    const plan = join(scratch, 'wrong.json');
    await writeFile(plan, text);
    const { status, stderr } = await sonde('instrument', gpt2, out, '--plan', plan);
    expect(status).toBe(1);
    expect(stderr).toContain(what);
  });

  it.each([
    ['nothing to do', [gpt2, 'out.onnx']],
    ['nothing to write', [gpt2, '--capture', '**']],
    ['the model itself to write to', [gpt2, gpt2, '--capture', '**']],
  ])('is a wrong call with %s', async (_, argv) => {
    const { status, stderr } = await sonde('instrument', ...argv);
    expect(status).toBe(2);
    expect(stderr).toContain('usage: sonde instrument');
  });
});
