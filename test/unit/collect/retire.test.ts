import { createPrivateKey } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { subjectOf } from '../../../src/collect/erasures.ts';
import { listSegments, loadHead } from '../../../src/collect/folder.ts';
import { signHead } from '../../../src/collect/head.ts';
import { openDuck } from '../../../src/collect/tables/duck.ts';
import { textOf } from '../../../src/collect/tables/table.ts';
import { walkLog } from '../../../src/collect/walk.ts';
import { runAudit } from './audit-run.ts';
import { makeChunk, newSession } from './chunk.ts';
import { runStore } from './run-store.ts';
import { readSegments, startCollector, storedIds, temporaryFolder } from './start.ts';

const walk = (folder: string) => walkLog(folder, () => undefined);

/** A closed log of two sessions that take turns, over several segments. */
async function filledLog() {
  const { data, collector, post } = await startCollector({ segmentBytes: 20_000 });
  const sessions = [newSession(), newSession()] as const;
  for (let i = 0; i < 8; i++) await post(makeChunk(sessions[i % 2] ?? '', (i >> 1) * 10, 10).body);
  await collector.close();
  return { data, sessions, cold: await temporaryFolder() };
}

/** Everything that may go, now. */
const retireAll = (data: string, cold: string, days = '0') =>
  runStore('retire', '--data', data, '--cold', cold, '--hot-days', days);

async function coldText(cold: string): Promise<string> {
  const duck = await openDuck();
  try {
    const names = (await readdir(cold)).sort();
    return (await Promise.all(names.map((name) => textOf(duck, join(cold, name))))).join('');
  } finally {
    duck.close();
  }
}

describe('retired segments', () => {
  it('are in cold storage to the byte, and the rest verifies from their signed end on', async () => {
    const { data, cold } = await filledLog();
    const segments = await listSegments(data);
    const before = await readSegments(data);
    const head = join(cold, '..', `head-${newSession()}.json`);
    await writeFile(head, (await runAudit('head', '--data', data)).stdout);
    expect((await retireAll(data, cold)).stdout).toContain(`${segments.length - 1} segments retired`);
    const left = await listSegments(data);
    expect(left[0]?.number).toBe(segments.at(-1)?.number);
    const parts = (await readdir(data)).filter((name) => name.startsWith('part-'));
    expect(parts.every((name) => Number(/\d+/.exec(name)?.[0]) >= (left[0]?.number ?? 0))).toBe(true);
    expect(await coldText(cold)).toBe(
      before.slice(0, before.indexOf(`{"format":2,"segment":${segments.length},`)),
    );
    const { status, stdout } = await runAudit('verify', '--data', data, '--head', head);
    expect([status, stdout]).toEqual([
      0,
      expect.stringContaining(`the log begins here at segment ${left[0]?.number}; the `),
    ]);
    expect(stdout).toContain('intact: 80 records');
    await rm(head);
  });

  it('are named by every answer over a time of which they hold something, and by no other', async () => {
    const { data, cold } = await filledLog();
    await retireAll(data, cold);
    const { collector } = await startCollector({ data, admin: { port: 0, token: 'secret' } });
    const ask = async (path: string) => {
      const headers = { authorization: 'Bearer secret' };
      return (await fetch(`${collector.adminAddress}/api/${path}`, { headers })).json();
    };
    const counted = (await ask('query?exact=1')) as { groups: { records: number }[] };
    const here = counted.groups[0]?.records ?? 0;
    expect(here).toBeLessThan(80);
    for (const path of ['query?exact=1', 'query', 'calibration'])
      expect(await ask(path)).toMatchObject({
        cold: { from: expect.any(Number), to: expect.any(Number), records: 80 - here },
      });
    const past = `baselineFrom=0&baselineTo=${Date.now()}&from=${Date.now() - 1000}&to=${Date.now() + 1000}`;
    expect(await ask(`drift?${past}`)).toMatchObject({ cold: { records: 80 - here } });
    for (const path of ['summary', 'records'])
      expect(await ask(path)).toMatchObject({ cold: { records: 80 - here } });
    expect(await ask('requests/none')).toMatchObject({
      message: expect.stringContaining(`${80 - here} records in cold`),
    });
    expect(await ask(`query?exact=1&from=${Date.now() + 1}`)).not.toHaveProperty('cold');
  });

  it('are read where they lie, if that is a folder: every answer over records is whole, erased ones are in none', async () => {
    const { data, cold, sessions } = await filledLog();
    await retireAll(data, cold);
    const { collector } = await startCollector({
      data,
      admin: { port: 0, token: 'secret' },
      retention: { cold, hotDays: 90 },
    });
    const ask = async (path: string, body?: object) => {
      const headers = { authorization: 'Bearer secret', 'content-type': 'application/json' };
      const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
      return (await fetch(`${collector.adminAddress}/api/${path}`, { headers, ...post })).json();
    };
    for (const path of ['query?exact=1', 'query']) {
      const answer = await ask(path);
      expect(answer).toMatchObject({ source: 'tables', exact: true, groups: [{ records: 80 }] });
      expect(answer).not.toHaveProperty('cold');
    }
    const summary = (await ask('summary')) as { groups: { records: number }[] };
    expect(summary).toMatchObject({ records: 80, chunks: 8 });
    expect(summary.groups.reduce((sum, { records }) => sum + records, 0)).toBe(80);
    expect(await ask('records')).toHaveProperty('cold');
    const [first] = (await coldText(cold)).match(/"requestId":"[^"]+"/) ?? [];
    const id = JSON.parse(`{${first}}`).requestId;
    expect(await ask(`requests/${id}`)).toMatchObject({ entries: [{ record: { requestId: id } }] });
    await ask('erasures', { digest: subjectOf(sessions[0]), reason: 'asked' });
    expect(await ask('query')).toMatchObject({ groups: [{ records: 40 }] });
  });

  it('are known: what comes again is settled, and counts go on', async () => {
    const { data, cold, sessions } = await filledLog();
    await retireAll(data, cold);
    // Without a checkpoint all there is to know it by is what was kept of the retired segments.
    await rm(join(data, 'checkpoint.json'));
    const { post, collector } = await startCollector({ data });
    const before = await readSegments(data);
    const answer = await post(makeChunk(sessions[0], 0, 40).body);
    expect(await answer.json()).toMatchObject({ stored: [{ session: sessions[0], ranges: [[0, 39]] }] });
    expect(await readSegments(data)).toBe(before);
    await post(makeChunk(sessions[0], 40, 10).body);
    await collector.close();
    expect(await walk(data)).toMatchObject({ faults: [], records: 90 });
  });

  it('hold up against a head that was saved within one of them, where the cold storage is named', async () => {
    const { data, collector, post } = await startCollector({ segmentBytes: 20_000 });
    const session = newSession();
    await post(makeChunk(session, 0, 10).body);
    await vi.waitFor(async () => expect((await loadHead(data))?.records).toBe(10), 5000);
    const saved = await loadHead(data);
    for (let from = 10; from < 80; from += 10) await post(makeChunk(session, from, 10).body);
    await collector.close();
    const cold = await temporaryFolder();
    await retireAll(data, cold);
    const head = join(await temporaryFolder(), 'head.json');
    const verify = (...more: string[]) => runAudit('verify', '--data', data, '--head', head, ...more);
    await writeFile(head, JSON.stringify(saved));
    expect((await verify()).stdout).toContain('name the cold storage with --cold to check it');
    expect(await verify('--cold', cold)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('intact: 80 records'),
    });
    // The same signer, another history: what only whoever holds the key could have written.
    const key = createPrivateKey(await readFile(join(data, 'signing.key'), 'utf8'));
    const { segment = 0, records = 0 } = saved ?? {};
    await writeFile(head, JSON.stringify(signHead({ segment, records, chain: 'f'.repeat(64) }, key)));
    expect(await verify('--cold', cold)).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('the log was rewritten, at or before record 10'),
    });
  });

  it('are missed when somebody takes them away, or says they were retired', async () => {
    const { data, cold } = await filledLog();
    await retireAll(data, cold);
    const path = join(data, 'retired.json');
    const signed = await readFile(path, 'utf8');
    await writeFile(path, signed.replace('"segments":[', '"segments": ['));
    expect((await walk(data)).faults).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ what: expect.stringMatching(/^segment \d+ before it is missing$/) }),
      ]),
    );
    await writeFile(path, signed);
    expect((await walk(data)).faults).toEqual([]);
  });

  it('are those that are old enough and under no hold', async () => {
    const { data, cold } = await filledLog();
    expect((await retireAll(data, cold, '90')).stdout).toMatch(/^0 segments retired/);
    const always = ['--from', '2020-01-01', '--to', '2100-01-01'];
    await runAudit('hold', '--id', 'case-7', ...always, '--data', data);
    expect((await retireAll(data, cold)).stdout).toMatch(/^0 segments retired/);
    expect(await readdir(cold)).toEqual([]);
    await runAudit('release', '--id', 'case-7', '--data', data);
    expect((await retireAll(data, cold)).stdout).not.toMatch(/^0 segments retired/);
  });

  it('lose what is erased later; the chain of their hashes stays', async () => {
    const { data, cold, sessions } = await filledLog();
    await runAudit('erase', '--session', sessions[1], '--data', data);
    await retireAll(data, cold);
    expect(await coldText(cold)).not.toContain(sessions[1]);
    expect(await coldText(cold)).toContain(sessions[0]);
    await runAudit('erase', '--session', sessions[0], '--data', data);
    expect((await runAudit('verify', '--data', data)).stdout).toContain(
      '1 sessions wait for their erasure in cold storage',
    );
    expect((await retireAll(data, cold)).stdout).toContain('1 sessions erased there');
    expect(await coldText(cold)).not.toContain(sessions[0]);
    expect(await coldText(cold)).toContain(subjectOf(sessions[0]));
    expect(await storedIds(data)).toEqual([]);
    expect((await runAudit('verify', '--data', data)).status).toBe(0);
    const out = join(await temporaryFolder(), 'segment.ndjson');
    const fetched = await runStore('fetch', '--segment', '1', '--cold', cold, '--out', out, '--data', data);
    expect(fetched.stdout).toContain('ends as its signed head says');
    expect(await readFile(out, 'utf8')).toContain('"tombstone":{"kind":"record"');
  });

  it('are refused when the cold storage gives something else back', async () => {
    const { data, cold } = await filledLog();
    await retireAll(data, cold);
    const [first = '', second = ''] = (await readdir(cold)).sort();
    await writeFile(join(cold, first), await readFile(join(cold, second)));
    const out = join(await temporaryFolder(), 'segment.ndjson');
    await expect(
      runStore('fetch', '--segment', '1', '--cold', cold, '--out', out, '--data', data),
    ).rejects.toMatchObject({ code: 'storage_blocked' });
  });

  it('leave a running collector as it is', async () => {
    const { data, cold } = await filledLog();
    // Read whole at the start, so that it is known at once to be in order.
    await rm(join(data, 'checkpoint.json'));
    const { collector, post, address } = await startCollector({ data, retention: { cold, hotDays: 0 } });
    await post(makeChunk(newSession(), 0, 5).body);
    await expect.poll(async () => (await listSegments(data)).length, { timeout: 20_000 }).toBe(1);
    await post(makeChunk(newSession(), 0, 5).body);
    expect(await (await fetch(`${address}/healthz`)).json()).toMatchObject({ status: 'ok' });
    await collector.close();
    expect(await walk(data)).toMatchObject({ faults: [], records: 90 });
  });
});

describe('a segment of another format', () => {
  it('of format 1 is read, and gone on from in a segment of format 2', async () => {
    const { data } = await filledLog();
    for (const { path } of await listSegments(data))
      await writeFile(path, (await readFile(path, 'utf8')).replace('{"format":2,', '{"format":1,'));
    await rm(join(data, 'checkpoint.json'));
    const { post, collector } = await startCollector({ data });
    await post(makeChunk(newSession(), 0, 5).body);
    await collector.close();
    expect(await walk(data)).toMatchObject({ faults: [], records: 85, format: 2 });
    expect(await readSegments(data)).toContain('{"format":1,');
  });

  it('that is still to come is refused, not taken for damage', async () => {
    const { data } = await filledLog();
    const last = (await listSegments(data)).at(-1)?.path ?? '';
    await writeFile(last, (await readFile(last, 'utf8')).replace('{"format":2,', '{"format":3,'));
    await rm(join(data, 'checkpoint.json'));
    await expect(startCollector({ data })).rejects.toMatchObject({ code: 'version_mismatch' });
    await expect(runAudit('verify', '--data', data)).rejects.toMatchObject({ code: 'version_mismatch' });
  });
});

describe('backup and restore', () => {
  it('copy a log that is written to, and follow its erasures', async () => {
    const { data, sessions } = await filledLog();
    const { collector, post } = await startCollector({ data });
    await post(makeChunk(newSession(), 0, 5).body);
    const copy = join(await temporaryFolder(), 'backup');
    expect((await runStore('backup', '--data', data, '--to', copy)).status).toBe(0);
    await collector.close();
    await runAudit('erase', '--session', sessions[0], '--data', data);
    expect(await readSegments(copy)).toContain(sessions[0]);
    expect((await runStore('backup', '--data', data, '--to', copy)).status).toBe(0);
    expect(await readSegments(copy)).toBe(await readSegments(data));
    const next = join(await temporaryFolder(), 'data');
    expect((await runStore('restore', '--data', next, '--from', copy)).stdout).toContain('85 records');
    await expect(runStore('restore', '--data', next, '--from', copy)).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    const restored = await startCollector({ data: next });
    expect((await restored.post(makeChunk(newSession(), 0, 5).body)).status).toBe(200);
    await restored.collector.close();
    expect(await walk(next)).toMatchObject({ faults: [], records: 90 });
  });
});

describe('the cost of keeping', () => {
  it('goes by what is here, and says what it cannot know', async () => {
    const { data } = await filledLog();
    const unmeasured = await runStore('cost', '--data', data);
    expect(unmeasured.stdout).toContain('not known, no segment has a table to measure');
    await runStore('rebuild', '--data', data);
    const { stdout } = await runStore('cost', '--data', data, '--hot-price', '0.1', '--cold-price', '0.02');
    expect(stdout).toMatch(/^80 records in 0\.04 days: /);
    expect(stdout).toMatch(/more each month \(a table is \d+\.\d % of its segment\)/);
    expect(stdout).toMatch(/cold storage after 12 months: \d+\.\d\d a month/);
  });
});
