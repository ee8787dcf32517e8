import { expect, it } from 'vitest';
import { cycles, slopeOf } from '../soak/cycles.ts';

const folder = '/test/zoo/gpt2';

it('leaves no GPU buffer behind when models come and go', async () => {
  const all = await cycles('webgpu', folder, 10);
  expect(Math.min(...all.map(({ open }) => open.buffers))).toBeGreaterThan(50);
  expect(all.map(({ after }) => after.buffers)).toEqual(all.map(() => 0));
  expect(new Set(all.map(({ open }) => open.devices))).toEqual(new Set([1]));
}, 240_000);

it('takes no more of the heap when models come and go', async () => {
  // Which piece of the heap is taken next is left to threads, so its upper end moves at first.
  const heap = (await cycles('wasm', folder, 50)).slice(20).map(({ after }) => after.heap);
  expect(Math.min(...heap)).toBeGreaterThan(2 ** 20);
  expect(slopeOf(heap)).toBeLessThan(2048);
});
