import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readGoldens } from '../../../src/cli/golden-files.ts';
import { folderSource } from '../../../src/load/folder.node.ts';
import { idTensor } from '../../../src/run/feeds.ts';
import { logitLens, streamHooks } from '../../../src/run/lens.ts';
import { forward } from '../../../src/run/model.ts';
import { openNodeModel } from '../../../src/run/open.node.ts';
import type { FloatTensor } from '../../../src/shared/tensor.ts';

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
  const hooks = streamHooks(model);
  expect(hooks).toHaveLength(4);
  const { capture } = await forward(model, { input_ids: idTensor([ids]) }, hooks);
  const streams: FloatTensor[] = [];
  for (const hook of hooks) streams.push(await capture.read(hook));
  const lens = await logitLens(model, ids, streams, 5);
  capture.dispose();
  await dispose();
  expect(lens.map((rows) => rows.length)).toEqual(golden.map(({ entropy }) => entropy.length));
  for (const [layer, rows] of lens.entries())
    for (const [position, { top, entropy }] of rows.entries()) {
      expect(top.map(({ id }) => id)).toEqual(golden[layer]?.top[position]);
      expect(entropy).toBeCloseTo(golden[layer]?.entropy[position] ?? -1, 3);
    }
});
