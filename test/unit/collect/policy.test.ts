import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Chunk, ToWorker } from '../../../src/batch/messages.ts';
import { collect } from '../../../src/cli/collect.ts';
import { readPolicy } from '../../../src/collect/policy.ts';
import { collectorTransport } from '../../../src/deliver/collector.ts';
import { Mirror } from '../../../src/deliver/mirror.ts';
import { Sender } from '../../../src/deliver/sender.ts';
import { startChild } from './child.ts';
import { makeChunk, newSession } from './chunk.ts';
import { startCollector, storedIds, temporaryFolder } from './start.ts';

async function policyFile(text: string): Promise<string> {
  const file = join(await temporaryFolder(), 'policy.json');
  await writeFile(file, text);
  return file;
}

/** What a page sends with, over the real network; of the page itself it sees only that it is visible. */
function startSender(address: string) {
  vi.stubGlobal('document', { visibilityState: 'visible' });
  vi.stubGlobal('location', { href: address });
  onTestFinished(() => void vi.unstubAllGlobals());
  const mirror = new Mirror();
  const session = newSession();
  const told: ToWorker[] = [];
  const sender = new Sender({
    transport: collectorTransport(address, 'logs', undefined),
    mirror,
    consented: () => true,
    tell: (message) => told.push(message),
    onEvent: () => undefined,
  });
  const chunkAt = (first: number): Chunk => ({
    life: { session, epoch: 0, signal: 'logs' },
    first,
    count: 1,
    anomalous: false,
    body: new TextEncoder().encode(makeChunk(session, first, 1).body),
  });
  return {
    told,
    async send(...firsts: readonly number[]) {
      for (const first of firsts) mirror.addChunk(chunkAt(first));
      await sender.rested();
      return mirror.ready().length;
    },
  };
}

describe("the operator's policy", () => {
  it('off: stops a client with the first answer; it lets go of what it had and sends no more', async () => {
    let off = false;
    const { address, data } = await startCollector({ policy: () => (off ? { off } : {}) });
    const { send, told } = startSender(address);
    await send(0, 1);
    expect(await storedIds(data)).toHaveLength(2);
    expect(told).not.toContainEqual(expect.objectContaining({ kind: 'policy' }));
    off = true;
    await send(2, 3, 4);
    expect(await storedIds(data)).toHaveLength(3);
    expect(told).toContainEqual({ kind: 'policy', policy: { kind: 'policy', off: true } });
    await send(5, 6);
    expect(await storedIds(data)).toHaveLength(3);
  });

  it('is in every answer as the file has it, and in none without one', async () => {
    const policy = await readPolicy(await policyFile('{"sampling":0.1,"off":false}'));
    const { post } = await startCollector({ policy: () => policy });
    expect(await (await post(makeChunk(newSession(), 0, 1).body)).json()).toMatchObject({
      policy: { sampling: 0.1, off: false },
    });
    const { post: postWithout } = await startCollector({ policy: () => ({}) });
    expect(await (await postWithout(makeChunk(newSession(), 0, 1).body)).json()).not.toHaveProperty('policy');
  });

  it.each(['', '[]', 'null', '{"off":1}', '{"sampling":0}', '{"sampling":1.5}', '{"of":true}'])(
    'is refused with its reason when the file holds %j',
    async (text) => {
      await expect(readPolicy(await policyFile(text))).rejects.toMatchObject({ code: 'invalid_argument' });
    },
  );

  it('is read again on SIGHUP; a broken file changes nothing', async () => {
    const file = await policyFile('{}');
    const child = await startChild(['--data', await temporaryFolder(), '--policy', file]);
    const policy = async () => {
      const { body } = makeChunk(newSession(), 0, 1);
      const answer = await fetch(`${child.address}/v1/logs`, { method: 'POST', body });
      return ((await answer.json()) as { policy?: unknown }).policy;
    };
    const hangUp = async (text: string, said: string) => {
      await writeFile(file, text);
      child.process.kill('SIGHUP');
      await vi.waitUntil(() => child.output.stderr.includes(said), { timeout: 20_000 });
    };
    expect(await policy()).toBeUndefined();
    await hangUp('{"off":true}', 'policy read');
    expect(await policy()).toEqual({ off: true });
    await hangUp('{"off":', 'stays as it was');
    expect(await policy()).toEqual({ off: true });
    expect(await child.stop('SIGTERM')).toBe(0);
  });
});

describe('sonde collect', () => {
  it.each([
    ['--trust-proxy', 'proxy.example'],
    ['--trust-proxy', '10.0.0.0/33'],
    ['--policy', '/nowhere/at/all.json'],
  ])('says what is wrong with %s %s before it opens anything', async (option, value) => {
    const data = join(await temporaryFolder(), 'data');
    await expect(collect(['--port', '0', '--data', data, option, value])).rejects.toMatchObject({
      code: 'invalid_argument',
    });
  });
});
