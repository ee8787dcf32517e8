import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Coverage, InspectedGraph, Inspection } from '../../../src/cli/inspection.ts';
import { folderSource } from '../../../src/load/folder.node.ts';
import { dtypesOf } from '../../../src/load/graph-file.ts';
import { sonde } from './sonde.ts';

type Check = (value: unknown) => boolean;
/** A field that the type gains or loses does not compile here. */
type Checks<T> = { readonly [Key in keyof Required<T>]: Check };

const text: Check = (value) => typeof value === 'string' && value !== '';
const count: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const list =
  (each: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(each);
const dims = list((value) => text(value) || value === '' || count(value));
const fits =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) => {
    const found = value as Record<string, unknown>;
    return (
      Object.keys(found).sort().join() === Object.keys(checks).sort().join() &&
      Object.entries(checks).every(([key, check]) => check(found[key]))
    );
  };

const coverage: Checks<Coverage> = { hooks: count, tap: count, derived: count, unavailable: count };
const port = fits({ name: text, type: text, dims });
const hook: Check = (value) => {
  const base = { name: text, dims, kind: text };
  const kinds = {
    tap: { tensor: text },
    derived: { from: list(text), how: text },
    unavailable: { reason: text },
  };
  return fits({ ...base, ...kinds[(value as { kind: keyof typeof kinds }).kind] })(value);
};
const anatomy: Checks<InspectedGraph['anatomy']> = {
  kind: (value) => ['decoder', 'encoder', 'encoder-decoder', 'unknown'].includes(String(value)),
  layers: count,
  heads: count,
  kvHeads: count,
  dModel: count,
  dHead: count,
  norm: (value) => ['pre', 'post', 'sandwich', 'none'].includes(String(value)),
  parallelBlocks: (value) => typeof value === 'boolean',
  logits: (value) => value === null || text(value),
  cache: count,
};
const graph: Checks<InspectedGraph> = {
  part: text,
  file: text,
  producer: (value) => typeof value === 'string',
  opsets: (value) => Object.values(value as object).every(count),
  nodes: count,
  parameters: count,
  files: list(fits({ path: text, bytes: count, sha256: (value) => /^[0-9a-f]{64}$/.test(String(value)) })),
  anatomy: fits(anatomy),
  inputs: list(port),
  outputs: list(port),
  hooks: list(hook),
  coverage: fits(coverage),
};
const inspection: Checks<Inspection> = {
  format: (value) => value === 1,
  sonde: text,
  model: text,
  architecture: text,
  dtype: text,
  dtypes: list(text),
  parameters: count,
  bytes: count,
  coverage: fits(coverage),
  graphs: list(fits(graph)),
};

async function inspect(...argv: string[]): Promise<Inspection> {
  const { status, stdout } = await sonde('inspect', ...argv, '--json');
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

const folders = readdirSync('test/zoo', { withFileTypes: true }).filter((entry) => entry.isDirectory());

describe.each(folders.map(({ name }) => name))('sonde inspect --json %s', (name) => {
  it('has the documented shape in every dtype, and counts what it lists', async () => {
    for (const dtype of await dtypesOf(folderSource(`test/zoo/${name}`))) {
      const found = await inspect(`test/zoo/${name}`, '--dtype', dtype);
      expect(fits(inspection)(found), JSON.stringify(found).slice(0, 2000)).toBe(true);
      expect(found).toMatchObject({ model: name, dtype });
      const hooks = found.graphs.flatMap((each) => each.hooks);
      for (const kind of ['tap', 'derived', 'unavailable'] as const)
        expect(found.coverage[kind]).toBe(hooks.filter((each) => each.kind === kind).length);
      expect(found.coverage.hooks).toBe(hooks.length);
    }
  });
});

it('counts the parameters that the architecture has, whatever they are stored as', async () => {
  const config = JSON.parse(await readFile('test/zoo/gpt2/config.json', 'utf8'));
  const {
    n_embd: d,
    n_layer: layers,
    n_positions: positions,
    n_inner: inner,
    vocab_size: vocabulary,
  } = config;
  const block = d * 3 * d + 3 * d + d * d + d + 2 * d * inner + inner + d + 4 * d;
  // The unembedding is the embedding in PyTorch, but the exporter stores its transpose beside it.
  const all = 2 * vocabulary * d + positions * d + layers * block + 2 * d;
  for (const dtype of ['fp32', 'fp16', 'q8', 'q4'])
    expect((await inspect('test/zoo/gpt2', '--dtype', dtype)).parameters).toBe(all);
});

it('prints the same in words', async () => {
  const { stdout } = await sonde('inspect', 'test/zoo/gpt2');
  expect(stdout).toContain('layers: 3');
  expect(stdout).toMatch(/parameters: 289,344/);
  expect(stdout).toMatch(/blocks\.0\.attn\.hook_pattern +\[.*\] +tap/);
});

it('takes the first dtype that there is where none was named', async () => {
  expect((await inspect('test/zoo/llama-gqa-genai/onnx/model_q4.onnx')).dtype).toBe('q4');
  expect((await inspect('test/zoo/llama-gqa-genai')).dtype).toBe('fp32');
});
