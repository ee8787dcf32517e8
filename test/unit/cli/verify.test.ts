import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkFolder, passes } from '../../../src/cli/check.ts';
import { readSafetensors, writeSafetensors } from '../../../src/shared/safetensors.ts';
import type { Tensor } from '../../../src/shared/tensor.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-verify-'));
  cpSync('test/zoo/gpt2', folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Rewrites goldens of the copied folder. */
function falsify(file: string, changed: (tensors: ReadonlyMap<string, Tensor>) => [string, Tensor][]): void {
  const path = join(folder, file);
  const { tensors, metadata } = readSafetensors(new Uint8Array(readFileSync(path)));
  rmSync(path);
  writeFileSync(path, writeSafetensors({ tensors: new Map([...tensors, ...changed(tensors)]), metadata }));
}

function of(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`no golden ${name}`);
  return tensor;
}

/** [b, h, q, k] with its first two heads exchanged. */
function headsExchanged(tensor: Tensor): Tensor {
  const [, , queries = 0, keys = 0] = tensor.dims;
  const size = queries * keys;
  const data = Float32Array.from(tensor.data, Number);
  data.copyWithin(size, 0, size);
  data.set(Float32Array.from(tensor.data.slice(size, 2 * size), Number), 0);
  return { ...tensor, data };
}

describe('verify', () => {
  it.each([
    ['fp32', 'golden.safetensors'],
    ['q8', 'golden.q8.safetensors'],
  ] as const)('finds in %s exactly the hooks that are not what the goldens say', async (dtype, file) => {
    const [pattern, query, key] = ['hook_pattern', 'hook_q', 'hook_k'].map((name) => `blocks.1.attn.${name}`);
    if (pattern === undefined || query === undefined || key === undefined) throw new Error('three names');
    falsify(file, (tensors) => [
      [pattern, headsExchanged(of(tensors, pattern))],
      [query, of(tensors, key)],
    ]);
    const checked = await checkFolder(folder, 'wasm', dtype);
    expect(checked.filter((each) => !passes(each)).map(({ name }) => name)).toEqual([pattern, query]);
  });
});
