import { expect, it } from 'vitest';
import { Alone } from '../../../src/collect/alone.ts';

it('one reads the log for somebody at a time; what reads in the background waits, also where that fails', async () => {
  const alone = new Alone();
  const order: string[] = [];
  const gate = deferred();
  const asked = alone.run(async () => {
    await gate.promise;
    order.push('answered');
    throw new Error('the disk is gone');
  });
  await expect(alone.run(async () => undefined)).rejects.toMatchObject({ status: 429, code: 'busy' });
  const background = alone.quiet().then(() => order.push('went on'));
  gate.resolve();
  await expect(asked).rejects.toThrow('the disk is gone');
  await background;
  expect(order).toEqual(['answered', 'went on']);
  expect(await alone.run(async () => 7)).toBe(7);
});

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
