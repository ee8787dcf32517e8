import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { subjectOf } from '../../../src/collect/erasures.ts';
import { walkLog } from '../../../src/collect/walk.ts';
import { runAudit } from './audit-run.ts';
import { startChild } from './child.ts';
import { makeChunk, newSession } from './chunk.ts';
import { startCollector, storedIds, temporaryFolder } from './start.ts';

interface Health {
  readonly status: string;
  readonly faults: number;
  readonly verified: boolean;
}

const health = async (address: string) => (await (await fetch(`${address}/healthz`)).json()) as Health;

async function verified(address: string): Promise<Health> {
  await vi.waitUntil(async () => (await health(address)).verified, { timeout: 20_000 });
  return health(address);
}

/** Log lines of a collector that is told where to write them. */
function listener() {
  const lines: Record<string, unknown>[] = [];
  return { lines, logTo: { write: (line: string) => void lines.push(JSON.parse(line)) } };
}

async function filled(data: string, session: string, chunks = 8): Promise<void> {
  const { collector, post } = await startCollector({ data, segmentBytes: 8000 });
  for (let i = 0; i < chunks; i++) await post(makeChunk(session, 5 * i, 5).body);
  await collector.close();
}

describe('a start from the checkpoint', () => {
  it('knows what came before: duplicates, gaps, numbers; and reads the whole log behind it', async () => {
    const data = await temporaryFolder();
    const session = newSession();
    await filled(data, session);
    const { lines, logTo } = listener();
    const { post, address, collector } = await startCollector({ data, logTo });
    expect(lines).toContainEqual(expect.objectContaining({ records: 40, chunks: 8, from: 'its checkpoint' }));
    const again = await post(makeChunk(session, 35, 10).body);
    expect(await again.json()).toMatchObject({ stored: [{ ranges: [[0, 44]] }] });
    await post(makeChunk(session, 50, 1).body);
    expect(await (await fetch(`${address}/metrics`)).text()).toMatch(/^sonde_collector_records_missing 5$/m);
    expect(await verified(address)).toEqual({ status: 'ok', faults: 0, verified: true });
    await collector.close();
    expect(await walkLog(data, () => undefined)).toMatchObject({ faults: [], records: 46, chunks: 10 });
    expect(await storedIds(data)).toHaveLength(46);
  });

  it('finds in the background what was changed before it', async () => {
    const data = await temporaryFolder();
    await filled(data, newSession());
    const first = join(data, 'segment-00000001.ndjson');
    const text = await readFile(first, 'utf8');
    await writeFile(first, text.replace('"outcome":"ok"', '"outcome":"error"'));
    const { address } = await startCollector({ data });
    expect(await verified(address)).toEqual({ status: 'damaged', faults: 1, verified: true });
  });

  it.each([
    ['changed', (text: string) => text.replace('"records":40', '"records":41')],
    ['unsigned', (text: string) => `AAAA\n${text.slice(text.indexOf('\n') + 1)}`],
    ['of no use', () => ''],
  ])('is not made from one that is %s', async (_what, forge) => {
    const data = await temporaryFolder();
    await filled(data, newSession());
    const path = join(data, 'checkpoint.json');
    await writeFile(path, forge(await readFile(path, 'utf8')));
    const { lines, logTo } = listener();
    await startCollector({ data, logTo });
    expect(lines).toContainEqual(expect.objectContaining({ records: 40, from: 'its beginning' }));
  });

  it('is not made from one of a log that was cut off since', async () => {
    const data = await temporaryFolder();
    await filled(data, newSession());
    const last = join(data, (await readdir(data)).filter((name) => /^segment.*n$/.test(name)).at(-1) ?? '');
    const lines = (await readFile(last, 'utf8')).trimEnd().split('\n');
    await writeFile(last, `${lines.slice(0, 1).join('\n')}\n`);
    const { address } = await startCollector({ data });
    expect(await health(address)).toMatchObject({ status: 'damaged', verified: true });
  });

  it('after kill -9 goes on behind the last one, and counts nothing twice', async () => {
    const data = await temporaryFolder();
    const session = newSession();
    await filled(data, session);
    const child = await startChild(['--data', data]);
    const send = (address: string, seq: number) =>
      fetch(`${address}/v1/logs`, { method: 'POST', body: makeChunk(session, seq, 5).body });
    await send(child.address, 40);
    await child.stop('SIGKILL');
    const { post, address } = await startCollector({ data });
    expect(await (await post(makeChunk(session, 38, 10).body)).json()).toMatchObject({
      stored: [{ ranges: [[0, 47]] }],
    });
    expect(await verified(address)).toMatchObject({ faults: 0 });
    expect(await storedIds(data)).toHaveLength(48);
  });

  it('keeps erasures and holds', async () => {
    const data = await temporaryFolder();
    const session = newSession();
    await filled(data, session);
    await runAudit('erase', '--digest', subjectOf(session), '--data', data);
    const { collector } = await startCollector({ data });
    await collector.close();
    const { post, address } = await startCollector({ data });
    expect(await (await post(makeChunk(session, 0, 2).body)).json()).toMatchObject({
      rejected: { erased: 2 },
    });
    expect(await verified(address)).toMatchObject({ faults: 0 });
  });

  describe('and the minutes before it', () => {
    const admin = { port: 0, token: 'secret' };
    const ask = async ({ adminAddress }: { readonly adminAddress: string | undefined }, path: string) =>
      (await (
        await fetch(`${adminAddress}${path}`, { headers: { authorization: 'Bearer secret' } })
      ).json()) as { readonly source: string; readonly groups: readonly { readonly records: number }[] };

    it('are known at once, segment by segment, as they were', async () => {
      const data = await temporaryFolder();
      await filled(data, newSession());
      const first = await startCollector({ data, admin });
      await verified(first.address);
      await first.post(makeChunk(newSession(), 0, 5).body);
      const before = await ask(first.collector, '/api/query?by=model');
      await first.collector.close();
      const { collector } = await startCollector({ data, admin });
      expect(await ask(collector, '/api/query?by=model')).toEqual(before);
      expect(before).toMatchObject({ source: 'rollups', groups: [{ records: 45 }] });
    });

    it('are counted once after kill -9', async () => {
      const data = await temporaryFolder();
      await filled(data, newSession());
      const child = await startChild(['--data', data]);
      await fetch(`${child.address}/v1/logs`, { method: 'POST', body: makeChunk(newSession(), 0, 5).body });
      await child.stop('SIGKILL');
      const { collector } = await startCollector({ data, admin });
      expect(await ask(collector, '/api/query')).toMatchObject({
        source: 'rollups',
        groups: [{ records: 45 }],
      });
    });

    it('are all there when the clock jumped, back and far ahead, and so is every record', async () => {
      const data = await temporaryFolder();
      const first = await startCollector({ data, admin, segmentBytes: 8000 });
      const now = Date.now();
      vi.useFakeTimers({ toFake: ['Date'] });
      onTestFinished(() => void vi.useRealTimers());
      const year = 365 * 24 * 60 * 60 * 1000;
      for (const [i, jump] of [0, -year, 10 * year, 0].entries()) {
        vi.setSystemTime(now + jump);
        expect((await first.post(makeChunk(newSession(), i, 5).body)).status).toBe(200);
      }
      expect(await ask(first.collector, '/api/query')).toMatchObject({ groups: [{ records: 20 }] });
      await first.collector.close();
      const { collector, address } = await startCollector({ data, admin });
      expect(await ask(collector, '/api/query')).toMatchObject({
        source: 'rollups',
        groups: [{ records: 20 }],
      });
      expect(await verified(address)).toMatchObject({ faults: 0 });
    });

    it.each([
      ['changed', (text: string) => text.replace(',5,', ',6,')],
      ['of no use', () => ''],
    ])('are read from the log where a part is %s', async (_what, forge) => {
      const data = await temporaryFolder();
      await filled(data, newSession());
      const path = join(data, 'part-00000003.json');
      const text = await readFile(path, 'utf8');
      expect(forge(text)).not.toBe(text);
      await writeFile(path, forge(text));
      const { collector, address } = await startCollector({ data, admin });
      await verified(address);
      expect(await ask(collector, '/api/query')).toMatchObject({ groups: [{ records: 40 }] });
      await collector.close();
      const again = await startCollector({ data, admin });
      expect(await ask(again.collector, '/api/query')).toMatchObject({
        source: 'rollups',
        groups: [{ records: 40 }],
      });
    });
  });
});
