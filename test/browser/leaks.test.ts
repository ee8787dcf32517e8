import { expect, it } from 'vitest';
import { createSonde } from '../../src/index.ts';
import { cycles, slopeOf, watchedWorker } from '../soak/cycles.ts';
import { askHoldings } from '../soak/holdings.ts';

const folder = '/test/zoo/gpt2';

it('leaves no GPU buffer behind when models come and go', async () => {
  const all = await cycles('webgpu', folder, 10);
  expect(Math.min(...all.map(({ open }) => open.buffers))).toBeGreaterThan(50);
  expect(all.map(({ after }) => after.buffers)).toEqual(all.map(() => 0));
  expect(new Set(all.map(({ open }) => open.devices))).toEqual(new Set([1]));
}, 240_000);

it('takes no more of the heap when models come and go', async () => {
  // Which piece of the heap is taken next is left to threads, so its upper end moves at first: by steps of up to 64 KiB,
  // the last of them some 45 cycles in.
  const heap = (await cycles('wasm', folder, 80)).slice(50).map(({ after }) => after.heap);
  expect(Math.min(...heap)).toBeGreaterThan(2 ** 20);
  expect(slopeOf(heap)).toBeLessThan(2048);
});

it('hands large tensors over to the page and copies none', async () => {
  const sonde = createSonde({ device: 'wasm', worker: watchedWorker });
  const model = await sonde.load(folder);
  const hook = 'blocks.0.attn.hook_pattern';
  const generation = model.generate('some words '.repeat(40), { maxNewTokens: 2, capture: [hook] });
  let rows = 0;
  for await (const { attention = [] } of generation) rows += attention[0]?.[hook]?.data.byteLength ?? 0;
  const capture = await generation.capture;
  const { data } = await capture.get(hook);
  expect(Math.min(rows, data.byteLength)).toBeGreaterThan(2 ** 16);
  expect((await askHoldings()).copied).toBeLessThan(2 ** 12);
  await sonde.dispose();
});
