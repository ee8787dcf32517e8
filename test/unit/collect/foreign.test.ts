import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/collect/body.ts';
import { subjectOf } from '../../../src/collect/erasures.ts';
import { listSegments } from '../../../src/collect/folder.ts';
import { readForeign } from '../../../src/collect/foreign/read.ts';
import { SegmentLog } from '../../../src/collect/log.ts';
import { walkLog } from '../../../src/collect/walk.ts';
import { runAudit } from './audit-run.ts';
import { makeChunk, newSession } from './chunk.ts';
import { runStore } from './run-store.ts';
import { readSegments, startCollector, temporaryFolder } from './start.ts';

/**
 * What @opentelemetry/exporter-logs-otlp-http 0.223.1 sent for two records of sdk-logs 0.223.1 (resources 2.12.1), as a
 * server on 127.0.0.1 received it, indented; the second has an event name, a body that is a map and an array of tags.
 */
const recorded = new URL('../../fixtures/foreign/opentelemetry-js.json', import.meta.url);
const sdkBody = () => readFile(recorded, 'utf8');

const listed = ['http.route', 'http.response.status_code', 'cart.value', 'cart.gift', 'service.name', 'tags'];

describe('log records of another SDK', () => {
  it('are kept in a log of their own: what the list names, and of that no personal data', async () => {
    const { data, post, address, collector } = await startCollector({ foreignAttributes: listed });
    const answer = await post(await sdkBody());
    expect([answer.status, await answer.json()]).toEqual([200, { stored: [], rejected: {} }]);
    const text = await readSegments(join(data, 'foreign'));
    for (const secret of ['jane', 'Jane', '4111', 'worker-7', 'cart.failed'])
      expect(text).not.toContain(secret);
    const kept: object[] = [];
    await walkLog(join(data, 'foreign'), (entries) => void kept.push(...entries));
    expect(kept).toEqual([
      {
        kind: 'foreign',
        receivedAt: expect.any(Number),
        at: 1_795_000_000_123,
        severity: 9,
        traceId: '5b8efff798038103d269b633813fc60c',
        spanId: 'eee19b7ec3c1b174',
        resource: { 'service.name': 'checkout' },
        attributes: {
          'http.route': '/cart/:id',
          'http.response.status_code': 200,
          'cart.value': 12.5,
          'cart.gift': true,
        },
      },
      {
        kind: 'foreign',
        receivedAt: expect.any(Number),
        at: 1_795_000_001_000,
        severity: 17,
        resource: { 'service.name': 'checkout' },
        attributes: { 'http.response.status_code': 500 },
      },
    ]);
    const metrics = await (await fetch(`${address}/metrics`)).text();
    expect(metrics).toContain('sonde_foreign_records_total 2');
    // host.name, the scope's name and version, user.email and the event's name are on no list.
    for (const [reason, count] of Object.entries({ body: 2, not_listed: 5, not_scalar: 1, personal_data: 1 }))
      expect(metrics).toContain(`sonde_foreign_dropped_total{reason="${reason}"} ${count}`);
    await collector.close();
    expect((await walkLog(join(data, 'foreign'), () => undefined)).faults).toEqual([]);
  });

  it("do not mix with Sonde's own, which are taken as ever", async () => {
    const { data, post } = await startCollector({ foreignAttributes: listed });
    await post(await sdkBody());
    const { body, records } = makeChunk(newSession(), 0, 3);
    expect(await (await post(body)).json()).toMatchObject({ stored: [{ ranges: [[0, 2]] }] });
    expect(await readSegments(data)).not.toContain('"kind":"foreign"');
    expect(await readSegments(data)).toContain(records[0]?.recordId);
  });

  it('are erased by a session that a listed attribute carries, here and in the backup, and come no more', async () => {
    const session = newSession();
    const sent = (await sdkBody()).replace('/cart/:id', session);
    const { data, post, collector } = await startCollector({ foreignAttributes: listed });
    await post(sent);
    await collector.close();
    const copy = join(await temporaryFolder(), 'backup');
    const { stdout } = await runStore('backup', '--data', data, '--to', copy);
    expect(stdout.split('of their own:')[1]).toContain('1 segments copied; 2 records up to');
    expect(await readSegments(join(copy, 'foreign'))).toContain(session);

    await runAudit('erase', '--session', session, '--data', data);
    await runStore('backup', '--data', data, '--to', copy);
    const restored = join(await temporaryFolder(), 'data');
    await runStore('restore', '--data', restored, '--from', copy);
    for (const folder of [data, copy, restored].map((each) => join(each, 'foreign'))) {
      const text = await readSegments(folder);
      expect(text).not.toContain(session);
      expect(text).toContain('"http.response.status_code":500');
      expect((await walkLog(folder, () => undefined)).faults).toEqual([]);
    }

    const next = await startCollector({ data, foreignAttributes: listed });
    await next.post(sent);
    expect(await readSegments(join(data, 'foreign'))).not.toContain(session);
    expect(await (await fetch(`${next.address}/metrics`)).text()).toContain(
      'sonde_foreign_dropped_total{reason="erased"} 1',
    );
  });

  it('are erased at the next start, where a kill came between the two logs', async () => {
    const session = newSession();
    const first = await startCollector({ foreignAttributes: listed });
    await first.post((await sdkBody()).replace('/cart/:id', session));
    await first.collector.close();
    const { data } = first;
    const { log } = await SegmentLog.open(data, () => undefined);
    await log.erase(subjectOf(session), 'asked');
    await log.close();
    expect(await readSegments(join(data, 'foreign'))).toContain(session);
    for (let start = 0; start < 2; start++) await (await startCollector({ data })).collector.close();
    const text = await readSegments(join(data, 'foreign'));
    expect(text).not.toContain(session);
    expect(text.match(/"kind":"erasure"/g)).toHaveLength(1);
  });

  it("stay under a hold that is made over Sonde's records, until it is released", async () => {
    const session = newSession();
    const { data, post, collector } = await startCollector({ foreignAttributes: listed });
    await post((await sdkBody()).replace('/cart/:id', session));
    await collector.close();
    const times = ['--from', '2026-01-01T00:00:00Z', '--to', '2100-01-01T00:00:00Z'];
    await runAudit('hold', '--id', 'case-1', ...times, '--data', data);
    await runAudit('erase', '--session', session, '--data', data);
    expect(await readSegments(join(data, 'foreign'))).toContain(session);
    const { collector: running } = await startCollector({ data, admin: { port: 0, token: 'secret' } });
    await fetch(`${running.adminAddress}/api/holds/case-1`, {
      method: 'DELETE',
      headers: { authorization: 'Bearer secret' },
    });
    expect(await readSegments(join(data, 'foreign'))).not.toContain(session);
  });

  it("are retired as Sonde's own: to the byte, verified from there on, and erased there", async () => {
    const [first, second] = [newSession(), newSession()];
    const { data, post, collector } = await startCollector({ foreignAttributes: listed, segmentBytes: 1500 });
    for (let i = 0; i < 6; i++)
      await post((await sdkBody()).replace('/cart/:id', i % 2 === 0 ? first : second));
    await collector.close();
    const folder = join(data, 'foreign');
    await runAudit('erase', '--session', second, '--data', data);
    const before = (await listSegments(folder)).length;
    expect(before).toBeGreaterThan(2);
    const cold = await temporaryFolder();
    const retire = () => runStore('retire', '--data', data, '--cold', cold, '--hot-days', '0');
    const verified = async () => (await runAudit('verify', '--data', folder)).status;
    expect((await retire()).stdout).toContain(`of other SDKs' records: ${before - 1} segments retired`);
    expect(await listSegments(folder)).toHaveLength(1);
    expect(await verified()).toBe(0);
    await runAudit('erase', '--session', first, '--data', data);
    expect((await retire()).stdout).toMatch(/records: \d+ segments retired, 1 sessions/);
    expect(await verified()).toBe(0);
    const out = join(cold, 'segment.ndjson');
    const place = join(cold, 'foreign');
    await runStore('fetch', '--segment', '1', '--cold', place, '--out', out, '--data', folder);
    const text = await readFile(out, 'utf8');
    for (const session of [first, second]) expect(text).not.toContain(session);
    expect(text).toContain('"tombstone":{"kind":"foreign"');
    const running = await startCollector({
      data,
      retention: { cold, hotDays: 0 },
      segmentBytes: 1500,
      foreignAttributes: listed,
    });
    for (let i = 0; i < 4; i++) await running.post(await sdkBody());
    await running.collector.close();
    await rm(join(data, 'checkpoint.json'), { force: true });
    const again = await startCollector({ data, retention: { cold, hotDays: 0 } });
    await expect.poll(async () => (await listSegments(folder)).length, { timeout: 20_000 }).toBe(1);
    await again.collector.close();
    expect(await verified()).toBe(0);
  });

  it('are erased by a collector that takes no more of them, too', async () => {
    const session = newSession();
    const first = await startCollector({ foreignAttributes: listed });
    await first.post((await sdkBody()).replace('/cart/:id', session));
    await first.collector.close();
    const { data } = first;
    const { collector } = await startCollector({ data, admin: { port: 0, token: 'secret' } });
    const answer = await fetch(`${collector.adminAddress}/api/erasures`, {
      method: 'POST',
      headers: { authorization: 'Bearer secret', 'content-type': 'application/json' },
      body: JSON.stringify({ digest: subjectOf(session), reason: 'asked' }),
    });
    expect(answer.status).toBe(200);
    expect(await readSegments(join(data, 'foreign'))).not.toContain(session);
  });

  it('are refused where no list was given, and where a key is asked for and missing', async () => {
    expect((await (await startCollector()).post(await sdkBody())).status).toBe(400);
    const { post } = await startCollector({ foreignAttributes: listed, keys: ['shop'] });
    expect((await post(await sdkBody())).status).toBe(401);
    expect((await post(await sdkBody(), {}, '?key=shop')).status).toBe(200);
  });

  it('are read or refused, whatever they are, and hold no attribute that is not listed', () => {
    const value = fc.oneof(
      fc.record({ stringValue: fc.string({ maxLength: 200 }) }),
      fc.record({ intValue: fc.oneof(fc.integer(), fc.string()) }),
      fc.record({ doubleValue: fc.double() }),
      fc.jsonValue(),
    );
    const attributes = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), value }), {
      maxLength: 4,
    });
    const log = fc.record(
      {
        attributes,
        body: value,
        timeUnixNano: fc.oneof(fc.string(), fc.double()),
        traceId: fc.jsonValue(),
        eventName: value,
      },
      { requiredKeys: [] },
    );
    const scope = fc.record({ attributes, name: fc.jsonValue() }, { requiredKeys: [] });
    const body = fc.oneof(
      fc.jsonValue(),
      fc.record({
        resourceLogs: fc.array(
          fc.record({
            resource: fc.record({ attributes }),
            scopeLogs: fc.array(fc.record({ scope, logRecords: fc.array(log, { maxLength: 3 }) }), {
              maxLength: 2,
            }),
          }),
          { maxLength: 2 },
        ),
      }),
    );
    fc.assert(
      fc.property(body, (sent) => {
        try {
          for (const { resource, attributes: kept } of readForeign(sent, new Set(['a', 'b'])).records)
            for (const [key, each] of Object.entries({ ...resource, ...kept })) {
              expect(['a', 'b']).toContain(key);
              expect(String(each).length).toBeLessThanOrEqual(128);
            }
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      }),
    );
  });
});
