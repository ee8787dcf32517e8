import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Baseline } from '../../../src/observe/drift/baseline.ts';
import { DriftMonitor } from '../../../src/observe/drift/monitor.ts';
import { parseBaseline } from '../../../src/observe/drift/parse-baseline.ts';
import { recordFields, serviceFields } from '../../../src/schema/fields.ts';
import { readSafetensors, writeSafetensors } from '../../../src/shared/safetensors.ts';
import { sonde } from './sonde.ts';

const gpt2 = fileURLToPath(new URL('../../zoo/gpt2', import.meta.url));
const sentiment = fileURLToPath(new URL('../../../public/models/sentiment', import.meta.url));
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sonde-cli-'));
});
afterAll(() => rm(scratch, { recursive: true }));

const capture = (...more: string[]) =>
  sonde('capture', gpt2, '--text', 'To be, or not', '--capture', 'blocks.*.attn.hook_pattern', ...more);

describe('sonde capture', () => {
  it('writes the attention of every layer under its hook name', async () => {
    const out = join(scratch, 't.safetensors');
    const { status, stdout } = await capture('--out', out);
    expect(status).toBe(0);
    const { tensors, metadata } = readSafetensors(new Uint8Array(await readFile(out)));
    expect([...tensors.keys()]).toEqual([0, 1, 2].map((layer) => `blocks.${layer}.attn.hook_pattern`));
    const tokens: number[] = JSON.parse(metadata.tokens ?? '[]');
    expect(metadata).toMatchObject({ model: 'gpt2', device: 'wasm', dtype: 'fp32' });
    for (const { dims, data } of tensors.values()) {
      expect(dims).toEqual([1, 4, tokens.length, tokens.length]);
      // Causal attention: each row sums to 1 and nothing looks ahead.
      for (let row = 0; row < 4 * tokens.length; row++) {
        const weights = Array.from(data.slice(row * tokens.length, (row + 1) * tokens.length), Number);
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
        expect(weights.slice((row % tokens.length) + 1).every((weight) => weight === 0)).toBe(true);
      }
    }
    expect(stdout).toContain(`3 hooks of ${tokens.length} tokens`);
  });

  it('names the nearest hooks when a pattern matches none', async () => {
    const { status, stderr } = await sonde(
      ...[
        'capture',
        gpt2,
        '--text',
        'x',
        '--capture',
        'blocks.0.attn.hook_paten',
        '--out',
        join(scratch, 'no'),
      ],
    );
    expect(status).toBe(1);
    expect(stderr).toContain('blocks.0.attn.hook_pattern');
  });

  it.each([
    ['nothing to write to', ['capture', gpt2, '--text', 'x', '--capture', '*']],
    ['no folder', ['capture', '--text', 'x', '--capture', '*', '--out', 'f']],
    ['an unknown option', ['capture', gpt2, '--loud']],
    ['an unknown device', ['verify', gpt2, '--device', 'tpu']],
    ['an unknown command', ['seance']],
    ['no command', []],
  ])('says how to call it when there is %s', async (_, argv) => {
    const { status, stdout, stderr } = await sonde(...argv);
    expect(status).toBe(2);
    expect(stdout + stderr).toMatch(/sonde (capture|verify) MODEL/);
  });

  it('says in a sentence that there is no model', async () => {
    const { status, stderr } = await sonde('inspect', scratch);
    expect(status).toBe(1);
    expect(stderr).toContain('config.json');
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe('sonde verify', () => {
  it('prints difference, tolerance and result of every hook and ends with 0', async () => {
    const { status, stdout } = await sonde('verify', gpt2);
    expect(status).toBe(0);
    expect(stdout).toMatch(/blocks\.2\.attn\.hook_pattern +\d\.\d+e-\d +1\.00e-4 +pass/);
    expect(stdout).toMatch(/0 failed/);
  });

  it('ends with 1 when one value of one head is wrong', async () => {
    const folder = join(scratch, 'wrong');
    await cp(gpt2, folder, { recursive: true });
    const file = join(folder, 'golden.safetensors');
    const goldens = readSafetensors(new Uint8Array(await readFile(file)));
    const pattern = goldens.tensors.get('blocks.1.attn.hook_pattern');
    if (pattern !== undefined) pattern.data[24 * 24 * 2] = 0.5;
    await writeFile(file, writeSafetensors(goldens));
    const { status, stdout } = await sonde('verify', folder);
    expect(status).toBe(1);
    expect(stdout).toMatch(/blocks\.1\.attn\.hook_pattern .*FAIL/);
    expect(stdout).toMatch(/ 1 failed/);
  });

  it('ends with 1 when a golden is missing, one or all of them', async () => {
    const folder = join(scratch, 'missing');
    await cp(gpt2, folder, { recursive: true });
    const file = join(folder, 'golden.safetensors');
    const { tensors, metadata } = readSafetensors(new Uint8Array(await readFile(file)));
    const fewer = new Map([...tensors].filter(([name]) => name !== 'logits'));
    await writeFile(file, writeSafetensors({ tensors: fewer, metadata }));
    const one = await sonde('verify', folder);
    expect(one.status).toBe(1);
    expect(one.stdout).toMatch(/logits .*failed: golden\.json names it/);
    await rm(file);
    const none = await sonde('verify', folder);
    expect(none.status).toBe(1);
    expect(none.stderr).toContain('golden.safetensors');
  });
});

const corpus = (name: string): string =>
  fileURLToPath(new URL(`../../../training/corpus/${name}`, import.meta.url));

/** softmax(logits) */
function chances(logits: Float64Array): Float64Array {
  const weights = logits.map((logit) => Math.exp(logit));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

it('sonde baseline makes what drift is seen against', async () => {
  const reviews = (await readFile(corpus('sentence_polarity/rt-polarity.pos'), 'utf8')).split('\n');
  const [texts, out] = [join(scratch, 'texts.txt'), join(scratch, 'baseline.json')];
  await writeFile(texts, reviews.slice(0, 120).join('\n'));
  const hook = 'blocks.1.hook_resid_post';
  const made = await sonde(
    'baseline',
    sentiment,
    ...['--texts', texts, '--out', out, '--window', '40', '--embedding', hook],
  );
  expect(made).toMatchObject({ status: 0, stdout: expect.stringContaining('120 texts, windows of 40') });
  const baseline: Baseline = JSON.parse(await readFile(out, 'utf8'));
  // The card's figures are of a file that PyTorch made; here it is enough that they are classifier's signals.
  const { confidence = [], length = [] } = baseline.reference.features;
  expect(Math.min(...confidence)).toBeGreaterThanOrEqual(0.5);
  expect(length).toHaveLength(120);
  expect(baseline.embedding).toBe(hook);
  expect(baseline.reference.embeddings.map(({ length }) => length)).toEqual(Array(120).fill(16));
  expect(baseline.scales['embedding.centroid']?.deviation).toBeGreaterThan(0);
  const short = {
    features: { confidence: confidence.slice(0, 40), length: Array<number>(40).fill(4) },
    embeddings: [],
    attributions: [],
  };
  const { alarms } = new DriftMonitor(new Map([[0, baseline]])).judge(short);
  expect(alarms.map(({ statistic }) => statistic)).toContain('length.wasserstein');
  expect((await sonde('baseline', sentiment)).status).toBe(2);
  const twice = ['--texts', texts, '--texts', texts, '--out', out, '--window', '40'];
  expect((await sonde('baseline', sentiment, ...twice)).status).toBe(2);
  await sonde('baseline', sentiment, ...twice, '--period', 'day', '--smoothing', '0.5');
  const { seasons, smoothing, others } = parseBaseline(JSON.parse(await readFile(out, 'utf8')));
  expect([seasons, smoothing, others?.length]).toEqual([{ period: 86_400_000, parts: 2 }, 0.5, 1]);
  const many = ['--texts', texts, '--out', out, '--embedding', 'blocks.*.hook_resid_post'];
  expect((await sonde('baseline', sentiment, ...many)).stderr).toContain('not one hook');
});

it('sonde baseline of a model that generates holds what its answers say, as PyTorch has it', async () => {
  const folder = fileURLToPath(new URL('../../../public/models/shakespeare-gpt/', import.meta.url));
  const { inputs, generate } = JSON.parse(await readFile(`${folder}golden.json`, 'utf8'));
  const lines = (await readFile(corpus('shakespeare.txt'), 'utf8'))
    .split('\n')
    .filter((line) => line.length > 30);
  const [texts, out] = [join(scratch, 'prompts.txt'), join(scratch, 'generator.json')];
  await writeFile(texts, [JSON.stringify(inputs.single.text[0]), ...lines.slice(0, 30)].join('\n'));
  const count = String(generate.tokens.length);
  const made = await sonde(
    'baseline',
    folder,
    ...[
      '--texts',
      texts,
      '--out',
      out,
      '--window',
      '10',
      '--max-new-tokens',
      count,
      '--template-version',
      'v2',
    ],
  );
  expect(made).toMatchObject({ status: 0, stdout: expect.stringContaining('31 texts, windows of 10') });
  const golden = readSafetensors(new Uint8Array(await readFile(`${folder}golden.safetensors`)));
  const { dims = [], data = [] } = golden.tensors.get('generate.logits') ?? {};
  const rows = Array.from({ length: dims[0] ?? 0 }, (_, at) =>
    chances(Float64Array.from(data.slice(at * (dims[1] ?? 0), (at + 1) * (dims[1] ?? 0)), Number)),
  );
  const meanOf = (of: (row: Float64Array) => number): number =>
    rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  const { reference, preparation }: Baseline = JSON.parse(await readFile(out, 'utf8'));
  const { features } = reference;
  const nearest = (name: string, value: number): number =>
    Math.min(...(features[name] ?? []).map((each) => Math.abs(each - value)));
  expect(
    nearest(
      'confidence',
      meanOf((row) => Math.max(...row)),
    ),
  ).toBeLessThan(1e-4);
  expect(
    nearest(
      'entropy',
      meanOf((row) => row.reduce((sum, p) => sum - p * Math.log(p || 1), 0)),
    ),
  ).toBeLessThan(1e-3);
  expect(features.length).toContain(inputs.single.input_ids[0].length);
  const tokenizer = createHash('sha256').update(await readFile(`${folder}tokenizer.json`));
  expect(preparation).toMatchObject({
    'tokenizer.json': tokenizer.digest('hex'),
    'longest input': '256 tokens',
    'template version': 'v2',
  });
});

it('sonde signals prints every field that can leave, and what stays', async () => {
  const { status, stdout } = await sonde('signals', '--json');
  const map: readonly { name: string; unit: string; tier: unknown; privacy: string }[] = JSON.parse(stdout);
  expect(status).toBe(0);
  for (const { wire } of [...Object.values(recordFields), ...Object.values(serviceFields)])
    expect(map).toContainEqual(expect.objectContaining({ name: wire, tier: 1 }));
  expect(map.filter(({ tier }) => tier === 'device').every(({ privacy }) => privacy === 'local')).toBe(true);
  expect(new Set(map.map(({ name }) => name)).size).toBe(map.length);
  const listed = (await sonde('signals')).stdout;
  for (const { name } of map) expect(listed).toContain(name);
});

it.each(['inspect', 'capture', 'instrument', 'verify', 'baseline', 'replay', 'signals'])(
  'sonde %s --help says how to call it',
  async (name) => {
    const { status, stdout } = await sonde(name, '--help');
    expect(status).toBe(0);
    expect(stdout).toContain(`sonde ${name} `);
    expect(stdout).toMatch(/^ {2}--\w+/m);
  },
);

it('bin/sonde.js says in a sentence that it was not built', async () => {
  const bin = join(scratch, 'bin');
  await cp(fileURLToPath(new URL('../../../bin', import.meta.url)), bin, { recursive: true });
  await writeFile(join(scratch, 'package.json'), '{ "type": "module" }');
  const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
    execFile(process.execPath, [join(bin, 'sonde.js'), '--help'], (error, _, text) =>
      resolve({ code: error?.code, stderr: text }),
    );
  });
  expect(code).toBe(1);
  expect(stderr).toContain('npm install');
});
