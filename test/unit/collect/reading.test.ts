import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chunkOf, makeChunk, maskedRecord, newSession } from './chunk.ts';
import { startCollector, storedIds } from './start.ts';

describe('/metrics', () => {
  it('counts what came, and labels models from its own list only', async () => {
    const { post, address } = await startCollector({ models: ['shakespeare-gpt'] });
    const session = newSession();
    const records = ['shakespeare-gpt', 'someone/else', 'x/y'].map((modelId) => maskedRecord({ modelId }));
    const body = JSON.stringify(chunkOf({ session, epoch: 0, seq: 0 }, records));
    await post(body);
    await post(body);
    await post('{}');
    const text = await (await fetch(`${address}/metrics`)).text();
    expect(text).toMatch(/^sonde_collector_records_accepted_total 3$/m);
    expect(text).toMatch(/^sonde_collector_records_duplicate_total 3$/m);
    expect(text).toMatch(/^sonde_collector_requests_refused_total\{code="not_otlp"\} 1$/m);
    expect(text).toMatch(/^sonde_collector_request_duration_seconds_bucket\{le="0.2",status="200"\} \d$/m);
    expect(text).toMatch(/^sonde_request_entropy_nats_count\{model="shakespeare-gpt",outcome="ok"\} 1$/m);
    expect(text).toMatch(/^sonde_request_confidence_count\{model="other",outcome="ok"\} 2$/m);
    expect(text).not.toContain('someone');
  });
});

describe('/healthz', () => {
  it('says ok', async () => {
    const { address } = await startCollector();
    expect(await (await fetch(`${address}/healthz`)).json()).toEqual({
      status: 'ok',
      faults: 0,
      verified: true,
    });
  });
});

describe('reading records', () => {
  it('needs the admin listener and its token', async () => {
    const { collector, address, post } = await startCollector({ admin: { port: 0, token: 'secret' } });
    const { body, records } = makeChunk(newSession(), 0, 3);
    await post(body);
    const admin = collector.adminAddress ?? '';
    expect((await fetch(`${address}/api/records`)).status).toBe(404);
    for (const authorization of ['', 'Bearer wrong!', 'Bearer'])
      expect((await fetch(`${admin}/api/records`, { headers: { authorization } })).status).toBe(401);
    const read = async (path: string) =>
      (await fetch(`${admin}${path}`, { headers: { authorization: 'Bearer secret' } })).json();
    expect(await read('/api/records?limit=2')).toMatchObject({
      records: records.slice(1).map((record) => ({ record })),
    });
    expect(await read('/api/summary')).toEqual({
      records: 3,
      chunks: 1,
      faults: [],
      groups: [{ model: 'shakespeare-gpt', operation: 'generate', outcome: 'ok', records: 3 }],
    });
  });
});

describe('a disk that takes nothing', () => {
  it('gives 503 with Retry-After, and the records are taken when they come again', async () => {
    const { post, data } = await startCollector();
    const segment = join(data, 'segment-00000001.ndjson');
    await mkdir(segment);
    const session = newSession();
    const { body } = makeChunk(session, 0, 2);
    const refused = await post(body);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toMatchObject({ code: 'not_stored' });
    await rmdir(segment);
    expect(await (await post(body)).json()).toEqual({
      stored: [{ session, epoch: 0, ranges: [[0, 1]] }],
      rejected: {},
    });
    expect(await storedIds(data)).toHaveLength(2);
  });
});
