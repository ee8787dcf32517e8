import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GoldenCase } from '../../../src/cli/golden.ts';
import { readGoldens } from '../../../src/cli/golden-files.ts';
import { folderSource } from '../../../src/load/folder.node.ts';
import { compare } from '../../../src/prove/compare.ts';
import { readSafetensors, type Safetensors, writeSafetensors } from '../../../src/shared/safetensors.ts';
import { type Ran, sonde } from './sonde.ts';

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sonde-capture-'));
});
afterAll(() => rm(scratch, { recursive: true }));

const read = async (file: string): Promise<Safetensors> =>
  readSafetensors(new Uint8Array(await readFile(join(scratch, file))));

async function golden(model: string, name: string): Promise<GoldenCase> {
  const { cases } = await readGoldens(folderSource(`test/zoo/${model}`), 'fp32');
  const found = cases.find((each) => each.name === name);
  if (found === undefined) throw new Error(`${model} has no ${name} goldens`);
  return found;
}

const capture = (model: string, out: string, ...more: string[]): Promise<Ran> =>
  sonde('capture', model, ...more, '--out', join(scratch, out));

function expectGolden({ activations }: GoldenCase, { tensors }: Safetensors, least: number): void {
  expect(tensors.size).toBeGreaterThanOrEqual(least);
  for (const [hook, tensor] of tensors) {
    const wanted = activations.get(hook);
    if (wanted !== undefined) expect(compare(wanted, tensor, 1e-4), hook).toMatchObject({ pass: true });
  }
}

describe('sonde capture', () => {
  it.each([
    ['vit', 'single', 'blocks.*.attn.hook_pattern', 3],
    ['bert-classifier', 'padded', 'blocks.*.attn.hook_pattern', 3],
    ['llama-gqa-genai', 'single', 'blocks.*.attn.hook_*', 9],
    ['t5', 'single', '*coder.blocks.*.attn.hook_pattern', 6],
  ] as const)('--inputs gives %s, %s, any of its inputs by name', async (model, name, pattern, least) => {
    const wanted = await golden(model, name);
    const file = join(scratch, 'inputs.safetensors');
    await writeFile(
      file,
      writeSafetensors({ tensors: new Map(Object.entries(wanted.inputs)), metadata: {} }),
    );
    const { status, stderr } = await capture(
      `test/zoo/${model}`,
      'a',
      '--inputs',
      file,
      '--capture',
      pattern,
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expectGolden(wanted, await read('a'), least);
  });

  it('--tokens runs a single file that lies alone; --text wants a tokenizer', async () => {
    const alone = join(scratch, 'alone.onnx');
    await cp('test/zoo/gpt2/onnx/model.onnx', alone);
    const wanted = await golden('gpt2', 'single');
    const ids = wanted.inputs.input_ids?.data.join() ?? '';
    expect((await capture(alone, 'b', '--tokens', ids, '--capture', '**.hook_pattern')).status).toBe(0);
    expectGolden(wanted, await read('b'), 3);
    const refused = await capture(alone, 'b', '--text', 'To be', '--capture', '**.hook_pattern');
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('tokenizer.json') });
  });

  it('--text and --decoder-tokens run encoder and decoder', async () => {
    const wanted = await golden('t5', 'single');
    const ids = wanted.inputs.decoder_input_ids?.data.join() ?? '';
    const patterns = ['encoder.blocks.*.hook_resid_post', 'decoder.blocks.*.cross_attn.hook_pattern'];
    const { status } = await capture(
      'test/zoo/t5',
      'c',
      ...['--text', wanted.text ?? '', '--decoder-tokens', ids],
      ...patterns.flatMap((pattern) => ['--capture', pattern]),
    );
    expect(status).toBe(0);
    expectGolden(wanted, await read('c'), 6);
  });

  it('--batch writes a file for each line, the same as one by one', async () => {
    const file = join(scratch, 'prompts.jsonl');
    await writeFile(file, '{"text": "To be, or not"}\n\n{"id": "ids", "tokens": [5, 6, 7]}\n');
    const { status } = await capture('test/zoo/gpt2', 'batch', '--batch', file, '--capture', '**.hook_z');
    expect(status).toBe(0);
    expect(await readdir(join(scratch, 'batch'))).toEqual(['1.safetensors', 'ids.safetensors']);
    await capture('test/zoo/gpt2', 'one', '--tokens', '5,6,7', '--capture', '**.hook_z');
    const [one, batched] = [await read('one'), await read('batch/ids.safetensors')];
    expect(batched.tensors).toEqual(one.tensors);
    expect(batched.metadata).toEqual({ ...one.metadata, id: 'ids' });
  });

  it.each([
    ['no input at all', []],
    ['two of them', ['--text', 'x', '--tokens', '1']],
    ['tokens that are none', ['--tokens', '1,,2']],
    ['tokens the model does not know', ['--tokens', '5,100000']],
  ])('is a wrong call with %s', async (_, argv) => {
    const { status, stderr } = await capture('test/zoo/gpt2', 'd', '--capture', '**', ...argv);
    expect(status).toBe(2);
    expect(stderr).toContain('usage: sonde capture');
  });

  it.each([
    ['"text": "x"', 'is not JSON'],
    ['{"text": "x", "tokens": [1]}', 'or both'],
    ['{"id": "../x", "text": "x"}', 'no file name'],
    ['{"tokens": [-1]}', 'no tokens'],
    ['{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}', 'twice'],
    ['', 'no prompt'],
  ])('names what is wrong in the batch %s', async (lines, what) => {
    const file = join(scratch, 'wrong.jsonl');
    await writeFile(file, lines);
    const { status, stderr } = await capture('test/zoo/gpt2', 'e', '--batch', file, '--capture', '**');
    expect(status).toBeGreaterThan(0);
    expect(stderr).toContain(what);
  });

  it('names inputs that a model lacks, has not, or has in other sizes', async () => {
    const { inputs } = await golden('vit', 'single');
    const pixels = inputs.pixel_values;
    if (pixels === undefined) throw new Error('vit has no pixel_values');
    const flat = { ...pixels, dims: pixels.dims.slice(1) };
    for (const [tensors, what] of [
      [{ pixels }, 'no input named pixels'],
      [{ pixel_values: flat }, 'pixel_values has the sizes'],
    ] as const) {
      const file = join(scratch, 'f.safetensors');
      await writeFile(file, writeSafetensors({ tensors: new Map(Object.entries(tensors)), metadata: {} }));
      const { status, stderr } = await capture('test/zoo/vit', 'f', '--inputs', file, '--capture', '**');
      expect(status).toBe(2);
      expect(stderr).toContain(what);
      expect(stderr).toContain('pixel_values [');
    }
  });
});
