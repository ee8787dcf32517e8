import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compare, tolerances } from '../../src/prove/compare.ts';
import { readSafetensors, type Safetensors } from '../../src/shared/safetensors.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sonde-e2e-'));
});
afterAll(() => rm(scratch, { recursive: true }));

/** The built command, as a user calls it. */
function sonde(...argv: string[]): Promise<{ status: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['bin/sonde.js', ...argv], { cwd: root }, (error, stdout, stderr) =>
      resolve({ status: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
}

async function capture(device: 'wasm' | 'webgpu', ...what: readonly string[]): Promise<Safetensors> {
  const out = join(scratch, `${device}.safetensors`);
  const { status, output } = await sonde('capture', ...what, '--device', device, '--out', out);
  expect(output).toContain('hooks of');
  expect(status).toBe(0);
  return readSafetensors(new Uint8Array(await readFile(out)));
}

const patterns = ['--capture', '**.hook_pattern', '--capture', '**.hook_resid_post'];

it.each([
  ['a text', ['public/models/shakespeare-gpt', '--text', 'To be', ...patterns]],
  ['a single file', ['ALONE', '--tokens', '5,6,7', ...patterns]],
])('captures the same of %s in Node on WASM and in Chromium on WebGPU', async (_, what) => {
  await cp(join(root, 'test/zoo/gpt2/onnx/model.onnx'), join(scratch, 'alone.onnx'));
  const argv = what.map((each) => (each === 'ALONE' ? join(scratch, 'alone.onnx') : each));
  const [wasm, webgpu] = [await capture('wasm', ...argv), await capture('webgpu', ...argv)];
  expect(webgpu.metadata.device).toMatch(/^webgpu \(/);
  expect(webgpu.metadata.tokens).toBe(wasm.metadata.tokens);
  expect([...webgpu.tensors.keys()]).toEqual([...wasm.tensors.keys()]);
  for (const [hook, tensor] of wasm.tensors) {
    const other = webgpu.tensors.get(hook);
    expect(other && compare(tensor, other, tolerances.webgpu), hook).toMatchObject({ pass: true });
  }
});

it.each(['shakespeare-gpt', 'sentiment'])('verifies every golden of %s on WebGPU', async (model) => {
  const { status, output } = await sonde('verify', `public/models/${model}`, '--device', 'webgpu');
  expect(output).toMatch(/ 0 failed/);
  expect(status).toBe(0);
});
