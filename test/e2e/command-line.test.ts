import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compare, tolerances } from '../../src/cli/compare.ts';
import { readSafetensors, type Safetensors } from '../../src/cli/safetensors.ts';

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

async function capture(device: 'wasm' | 'webgpu'): Promise<Safetensors> {
  const out = join(scratch, `${device}.safetensors`);
  const { status, output } = await sonde(
    ...['capture', 'public/models/shakespeare-gpt', '--text', 'To be', '--device', device, '--out', out],
    ...['--capture', 'blocks.*.attn.hook_pattern', '--capture', 'blocks.*.hook_resid_post'],
  );
  expect(output).toContain('hooks of');
  expect(status).toBe(0);
  return readSafetensors(new Uint8Array(await readFile(out)));
}

it('captures the same attention in Node on WASM and in Chromium on WebGPU', async () => {
  const [wasm, webgpu] = [await capture('wasm'), await capture('webgpu')];
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
