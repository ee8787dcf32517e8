import { expect, it } from 'vitest';
import type { RunRequest } from '../../../src/playground/run.ts';
import { Runner } from '../../../src/playground/runner.ts';
import type { Session } from '../../../src/playground/session.ts';

/** A session whose loads go on until they are stopped. */
const loading = {
  model: (_choice: unknown, _onProgress: unknown, signal: AbortSignal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
} as unknown as Session;

const request = (key: string): RunRequest => ({
  model: { key, source: key },
  input: { kind: 'nothing' },
  coming: { origin: 'programmatic' },
  maxNewTokens: 1,
  temperature: 0,
  seed: 0,
});

it('starts what was chosen last, where two choices wait for one run to end', async () => {
  const begun: string[] = [];
  const runner = new Runner({
    session: async () => loading,
    chosenDevice: () => 'wasm',
    begin: ({ model }) => begun.push(model.key),
    show: () => undefined,
    fail: () => undefined,
    busy: () => undefined,
  });
  void runner.start(request('first'));
  await expect.poll(() => begun).toEqual(['first']);
  void runner.replace(request('second'));
  void runner.replace(request('third'));
  await expect.poll(() => begun.at(-1)).toBe('third');
});
