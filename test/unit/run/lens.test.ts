import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readGoldens } from '../../../src/cli/golden-files.ts';
import { tokenStatistics } from '../../../src/kernels/token-statistics.ts';
import { folderSource } from '../../../src/load/folder.node.ts';
import { logitLens, streamHooks } from '../../../src/run/lens.ts';
import { openNodeModel } from '../../../src/run/open.node.ts';

/** By layer, by position: made by test/zoo/lens.py, in NumPy over PyTorch's activations. */
const golden = JSON.parse(readFileSync('test/unit/run/lens.json', 'utf8')) as {
  readonly top: readonly (readonly number[])[];
  readonly entropy: readonly number[];
}[];

it('the lens of every layer and position is final norm and unembedding over its stream', async () => {
  const folder = 'public/models/shakespeare-gpt';
  const { cases } = await readGoldens(folderSource(folder), 'fp32');
  const ids = Array.from(cases.find(({ name }) => name === 'single')?.inputs.input_ids?.data ?? [], Number);
  const { model, dispose } = await openNodeModel(folder);
  expect(streamHooks(model)).toHaveLength(4);
  // A few rows at a time, as where the vocabulary is large.
  const lens = await logitLens(model, ids, 5, 5 * 1024);
  await dispose();
  expect(lens.map((rows) => rows.length)).toEqual(golden.map(({ entropy }) => entropy.length));
  for (const [layer, rows] of lens.entries())
    for (const [position, { top, entropy }] of rows.entries()) {
      expect(top.map(({ id }) => id)).toEqual(golden[layer]?.top[position]);
      expect(entropy).toBeCloseTo(golden[layer]?.entropy[position] ?? -1, 3);
    }
});

it('ends in what PyTorch says where the last norm keeps the end of the stream to itself', async () => {
  const folder = 'test/zoo/llama-gqa-genai';
  const { cases } = await readGoldens(folderSource(folder), 'fp32');
  const single = cases.find(({ name }) => name === 'single');
  const ids = Array.from(single?.inputs.input_ids?.data ?? [], Number);
  const logits = Array.from(single?.activations.get('logits')?.data ?? [], Number);
  const { model, dispose } = await openNodeModel(folder);
  const lens = await logitLens(model, ids, 3);
  await dispose();
  expect(lens).toHaveLength(3);
  const length = logits.length / ids.length;
  for (const [position, { top, entropy }] of lens.at(-1)?.entries() ?? []) {
    const expected = tokenStatistics(logits.slice(position * length, (position + 1) * length), 3);
    expect(top.map(({ id }) => id)).toEqual(expected.top.map(({ id }) => id));
    expect(entropy).toBeCloseTo(expected.entropy, 3);
  }
});
