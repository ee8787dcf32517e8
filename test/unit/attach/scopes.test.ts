import { expect, it } from 'vitest';
import { type Scope, Scopes } from '../../../src/attach/scopes.ts';

const scope = (): Scope => ({ context: {}, begun: new Set(), runs: 0 });
const pause = (milliseconds = 1): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
const refused = expect.objectContaining({ code: 'invalid_argument' });

async function* tokens(): AsyncGenerator<number> {
  for (let at = 0; at < 3; at++) {
    await pause();
    yield at;
  }
}

it.each<[string, (begin: () => Promise<unknown>) => Promise<unknown>]>([
  ['at once', (begin) => begin()],
  ['after an await', (begin) => pause().then(begin)],
  [
    'from an async iterator',
    async (begin) => {
      for await (const _token of tokens()) await begin();
    },
  ],
  [
    'deep inside, beside other work',
    async (begin) => {
      const deep = async (depth: number): Promise<unknown> => {
        await pause();
        return depth === 0 ? begin() : deep(depth - 1);
      };
      await Promise.all([pause(), deep(30)]);
    },
  ],
])('one begun inside another %s is refused, as both would wait for ever', async (_when, work) => {
  const scopes = new Scopes();
  await expect(scopes.run(scope(), () => work(async () => scopes.run(scope(), pause)))).rejects.toEqual(
    refused,
  );
  await expect(scopes.run(scope(), async () => 'the next')).resolves.toBe('the next');
});

it('one that the work of another waits for is refused, wherever it was begun', async () => {
  const scopes = new Scopes();
  const beside = pause().then(() => scopes.run(scope(), pause));
  await expect(scopes.run(scope(), () => beside)).rejects.toEqual(refused);
});

it('those begun beside each other, or one after the other, take turns', async () => {
  const scopes = new Scopes();
  const order: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    order.push(`${name} begins`);
    await pause(3);
    order.push(`${name} ends`);
  };
  const late = pause().then(() => scopes.run(scope(), work('third')));
  await Promise.all([scopes.run(scope(), work('first')), scopes.run(scope(), work('second')), late]);
  await scopes.run(scope(), work('fourth'));
  expect(order).toEqual(
    ['first', 'second', 'third', 'fourth'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
});

it('leaves the length of stacks as the application set it', async () => {
  const before = Error.stackTraceLimit;
  await new Scopes().run(scope(), pause);
  expect(Error.stackTraceLimit).toBe(before);
});
