import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Hub, startHub } from '../../hub/hub.ts';
import { splitWeights } from '../../hub/split.ts';
import { sonde } from './sonde.ts';

let scratch: string;
let hub: Hub;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sonde-bad-'));
  hub = await startHub({ 'tiny/gpt2': 'test/zoo/gpt2' });
  const whole = await readFile('test/zoo/gpt2/onnx/model.onnx');
  const files: Readonly<Record<string, Uint8Array | string>> = {
    empty: '',
    cut: whole.subarray(0, 5000),
    noise: Uint8Array.from({ length: 5000 }, (_, at) => (at * 7919) % 251),
    page: '<!doctype html><title>404</title>',
    pointer: 'version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 1299991\n',
    escaping: splitWeights(new Uint8Array(whole), ['../../../etc/passwd']).graph,
    long: '',
  };
  for (const [name, body] of Object.entries(files)) await writeFile(join(scratch, `${name}.onnx`), body);
  // A sparse file: 3 GB by its length, nothing on the disk.
  await truncate(join(scratch, 'long.onnx'), 3e9);
  await mkdir(join(scratch, 'folder'));
});
afterAll(async () => {
  await hub.close();
  await rm(scratch, { recursive: true });
});

const commands: Readonly<Record<string, readonly string[]>> = {
  inspect: [],
  capture: ['--tokens', '1,2', '--capture', '**', '--out', 'never'],
  'verify --self': [],
};

describe.each(Object.entries(commands))('sonde %s', (command, more) => {
  it.each([
    ['empty.onnx', 'it is empty'],
    ['cut.onnx', 'truncated'],
    ['noise.onnx', 'not a readable ONNX file'],
    ['page.onnx', 'not a readable ONNX file'],
    ['pointer.onnx', 'Git LFS pointer'],
    ['escaping.onnx', 'outside of the model'],
    ['long.onnx', 'larger than 2 GB'],
    ['folder', /no (model|ONNX file)/],
    ['nothing.onnx', 'no file and no folder'],
  ])('says of %s in a sentence what is wrong', async (file, what) => {
    const { status, stdout, stderr } = await sonde(...command.split(' '), join(scratch, file), ...more);
    expect(status).toBe(1);
    expect(stdout + stderr).toMatch(what);
    expect(stdout + stderr).not.toMatch(/^ +at /m);
  });
});

it('says what cannot be written', async () => {
  const out = join(scratch, 'nowhere/out.safetensors');
  const argv = ['test/zoo/gpt2', '--tokens', '1', '--capture', '**.hook_pattern', '--out', out];
  const { status, stderr } = await sonde('capture', ...argv);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^sonde: .*nowhere.*\n +Check the path/);
});

it('takes a hub id as it takes a folder, by option or by the address of the environment', async () => {
  const cache = join(scratch, 'cache');
  const folder = await sonde('inspect', 'test/zoo/gpt2', '--json');
  const named = await sonde('inspect', 'tiny/gpt2@v1', '--json', '--hub', hub.origin, '--cache', cache);
  expect(JSON.parse(named.stdout)).toEqual({ ...JSON.parse(folder.stdout), model: 'tiny/gpt2@v1' });
  process.env.HF_ENDPOINT = hub.origin;
  process.env.SONDE_CACHE = cache;
  try {
    const out = join(scratch, 'out.safetensors');
    const captured = await sonde(
      ...['capture', 'tiny/gpt2', '--text', 'To be', '--capture', '**.hook_pattern', '--out', out],
    );
    expect(captured.stderr).toBe('');
    expect(captured.stdout).toContain('3 hooks of');
    const verified = await sonde('verify', 'tiny/gpt2');
    expect(verified.stdout).toMatch(/tiny\/gpt2 on wasm: \d+ compared, 0 failed/);
  } finally {
    delete process.env.HF_ENDPOINT;
    delete process.env.SONDE_CACHE;
  }
  const unknown = await sonde('inspect', 'tiny/other', '--hub', hub.origin, '--cache', cache);
  expect(unknown).toMatchObject({ status: 1, stderr: expect.stringContaining('RepoNotFound') });
  const address = await sonde('inspect', 'tiny/gpt2', '--hub', 'nowhere');
  expect(address).toMatchObject({ status: 2, stderr: expect.stringContaining('no URL') });
});
