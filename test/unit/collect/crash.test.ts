import { describe, expect, it, vi } from 'vitest';
import { walkLog } from '../../../src/collect/walk.ts';
import { type Child, startChild } from './child.ts';
import { makeChunk, newSession } from './chunk.ts';
import { acknowledgedBy, perChunk, Sender } from './sender.ts';
import { storedIds, temporaryFolder } from './start.ts';

const rounds = 3;
const senders = 4;

describe('kill -9 under load', () => {
  it('loses no acknowledged record and stores none twice, over restarts', async () => {
    const data = await temporaryFolder();
    const all = Array.from({ length: senders }, () => new Sender());
    for (let round = 0; round < rounds; round++) {
      const child = await startChild(['--data', data]);
      let gone = false;
      const sending = Promise.all(all.map((sender) => sender.run(child, () => gone)));
      const enough = acknowledgedBy(all).length + 100 * (round + 1);
      await vi.waitUntil(() => acknowledgedBy(all).length >= enough, { timeout: 20_000, interval: 1 });
      expect(await child.stop('SIGKILL')).toBe('SIGKILL');
      gone = true;
      await sending;
    }
    // One more start repairs what the last kill left, and takes what is still pending again.
    const last = await startChild(['--data', data]);
    for (const sender of all) sender.sentInFull = 0;
    let done = false;
    const sending = Promise.all(all.map((sender) => sender.run(last, () => done)));
    await vi.waitUntil(() => all.every((sender) => sender.sentInFull > 0), { timeout: 20_000, interval: 1 });
    done = true;
    await sending;
    expect(await last.stop('SIGTERM')).toBe(0);

    const stored = await storedIds(data);
    const unique = new Set(stored);
    const acknowledged = acknowledgedBy(all);
    console.info(`${rounds} kills: ${acknowledged.length} records acknowledged, ${stored.length} stored`);
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(acknowledged.filter((id) => !unique.has(id))).toEqual([]);
    expect(stored.length).toBe(unique.size);
    expect((await walkLog(data, () => undefined)).faults).toEqual([]);
  }, 120_000);
});

describe('a full disk', () => {
  it('gives 503 and keeps what was acknowledged, whole, for the next start to go on from', async () => {
    const data = await temporaryFolder();
    const full = await startChild(['--data', data], 64);
    const session = newSession();
    const acknowledged: string[] = [];
    const send = async (child: Child, seq: number) => {
      const { records, body } = makeChunk(session, seq, perChunk);
      const answer = await fetch(`${child.address}/v1/logs`, { method: 'POST', body });
      if (answer.status === 200) acknowledged.push(...records.map(({ recordId }) => recordId));
      return answer;
    };
    const statuses: number[] = [];
    for (let i = 0; i < 10; i++) statuses.push((await send(full, i * perChunk)).status);
    expect(statuses).toContain(200);
    expect(statuses.at(-1)).toBe(503);
    expect((await send(full, 1000)).headers.get('retry-after')).toBe('5');
    await full.stop('SIGKILL');

    const roomy = await startChild(['--data', data]);
    expect((await send(roomy, 2000)).status).toBe(200);
    expect(await roomy.stop('SIGTERM')).toBe(0);
    expect(await storedIds(data)).toEqual(acknowledged);
    expect((await walkLog(data, () => undefined)).faults).toEqual([]);
  });
});

describe('SIGTERM', () => {
  it('ends with status 0, and the next start finds a folder in order', async () => {
    const data = await temporaryFolder();
    const child = await startChild(['--data', data]);
    const { body } = makeChunk(newSession(), 0, 2);
    const answer = await fetch(`${child.address}/v1/logs`, { method: 'POST', body });
    expect(answer.status).toBe(200);
    expect(await child.stop('SIGTERM')).toBe(0);
    const walk = await walkLog(data, () => undefined);
    expect(walk).toMatchObject({ faults: [], records: 2 });
    expect(walk.head?.chain).toBe(walk.chain);
  });
});

describe('what the collector says of itself', () => {
  it('is JSON lines without anything a client sent, and one line for a person', async () => {
    const child = await startChild(['--data', await temporaryFolder()]);
    const secret = 'jane.doe@example.com';
    await fetch(`${child.address}/v1/logs?key=${secret}`, { method: 'POST', body: `{"${secret}":` });
    await fetch(`${child.address}/${secret}`);
    await child.stop('SIGTERM');
    const lines = child.output.stderr.trim().split('\n');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
    expect(child.output.stderr + child.output.stdout).not.toContain('jane');
    expect(child.output.stdout.trim().split('\n')).toHaveLength(1);
  });
});
