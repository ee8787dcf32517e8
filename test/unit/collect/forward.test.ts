import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { subjectOf } from '../../../src/collect/erasures.ts';
import { readForeign } from '../../../src/collect/foreign/read.ts';
import { validateLogs } from '../../../src/schema/receive.ts';
import { validateMetrics } from '../../../src/schema/receive-metrics.ts';
import { runAudit } from './audit-run.ts';
import { startChild } from './child.ts';
import { makeChunk, newSession } from './chunk.ts';
import { metricsExport } from './metrics-export.ts';
import { startCollector, temporaryFolder } from './start.ts';

type Reply = { readonly status: number; readonly body?: string; readonly headers?: Record<string, string> };

/** An endpoint that answers as it is told and keeps what it took. */
async function startEndpoint(reply: (text: string, url: string) => Reply = () => ({ status: 200 })) {
  const taken: { url: string; text: string }[] = [];
  const at: number[] = [];
  const state = { reply };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = gunzipSync(Buffer.concat(parts)).toString();
      const { status, body = '{}', headers = {} } = state.reply(text, request.url ?? '');
      at.push(performance.now());
      if (status === 200) taken.push({ url: request.url ?? '', text });
      response.writeHead(status, headers).end(body);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    at,
    state,
    /** Ids of the records it took, in order. */
    ids: () =>
      [
        ...taken
          .map(({ text }) => text)
          .join('')
          .matchAll(/"sonde\.record\.id","value":\{"stringValue":"([^"]+)"/g),
      ].map(([, id]) => id),
  };
}

const ids = (records: readonly { readonly recordId: string }[]) => records.map(({ recordId }) => recordId);

describe('forwarding', () => {
  it("sends what is kept of other SDKs' records, once, as OTLP that a collector keeps the same of", async () => {
    const { endpoint, taken } = await startEndpoint();
    const listed = ['http.route', 'http.response.status_code', 'cart.value', 'cart.gift', 'service.name'];
    const options = { foreignAttributes: listed, forward: { endpoint } };
    const { post, data, collector } = await startCollector(options);
    const sent = await readFile(
      new URL('../../fixtures/foreign/opentelemetry-js.json', import.meta.url),
      'utf8',
    );
    await post(sent);
    await expect.poll(() => taken.length).toBe(1);
    expect(taken[0]?.url).toBe('/v1/logs');
    const kept = (text: string) => readForeign(JSON.parse(text), new Set(listed)).records;
    expect(kept(taken[0]?.text ?? '')).toEqual(kept(sent));
    expect(taken[0]?.text).not.toContain('jane');
    await collector.close();
    const { post: again } = await startCollector({ ...options, data });
    await again(makeChunk(newSession(), 0, 1).body);
    await expect.poll(() => taken.length).toBe(2);
    expect(taken[1]?.text).not.toContain('http.route');
  });

  it('sends records and exports as OTLP that this very collector would take', async () => {
    const { endpoint, taken, ids: forwarded } = await startEndpoint();
    const { post, address, collector } = await startCollector({ forward: { endpoint } });
    const session = newSession();
    const { records, body } = makeChunk(session, 7, 20);
    await post(body);
    await fetch(`${address}/v1/metrics`, {
      method: 'POST',
      body: JSON.stringify(metricsExport({ session, seq: 3, requests: 5, introspection: [0.1, 0.3] })),
    });
    await expect.poll(() => taken.length).toBe(2);
    expect(forwarded()).toEqual(ids(records));
    const [logs, metrics] = taken;
    expect([logs?.url, metrics?.url]).toEqual(['/v1/logs', '/v1/metrics']);
    expect(validateLogs(JSON.parse(logs?.text ?? ''))).toEqual(validateLogs(JSON.parse(body)));
    expect(validateMetrics(JSON.parse(metrics?.text ?? ''))).toMatchObject({
      exports: [{ chunk: { session, seq: 3 }, points: [{ amount: { value: 5 } }, {}] }],
    });
    const text = await (await fetch(`${address}/metrics`)).text();
    expect(text).toContain('sonde_forward_items_total{signal="logs"} 20');
    await collector.close();
  });

  it('goes on where it was, over restarts and over an endpoint that is away', async () => {
    const { endpoint, ids: forwarded, state } = await startEndpoint();
    const data = await temporaryFolder();
    const all: string[] = [];
    for (const status of [200, 503, 200]) {
      state.reply = () => ({ status });
      const { post, collector } = await startCollector({ data, segmentBytes: 20_000, forward: { endpoint } });
      for (let seq = 0; seq < 40; seq += 10) {
        const { records, body } = makeChunk(newSession(), seq, 10);
        await post(body);
        all.push(...ids(records));
      }
      if (status === 200) await expect.poll(() => forwarded().length).toBe(all.length);
      await collector.close();
    }
    expect(forwarded()).toEqual(all);
  });

  it('keeps off as long as Retry-After says', async () => {
    let answers = 0;
    const { endpoint, at, taken } = await startEndpoint(() =>
      answers++ === 0 ? { status: 429, headers: { 'retry-after': '1' } } : { status: 200 },
    );
    const { post, collector } = await startCollector({ forward: { endpoint } });
    await post(makeChunk(newSession(), 0, 1).body);
    await expect.poll(() => taken.length, { timeout: 5000 }).toBe(1);
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(995);
    await collector.close();
  });

  it('cuts what is too large for the endpoint, and gives up only the record that none takes', async () => {
    const { records, body } = makeChunk(newSession(), 0, 10);
    const poison = records[6]?.recordId ?? '';
    const { endpoint, ids: forwarded } = await startEndpoint((text) => {
      if ((text.match(/sonde\.record\.id/g) ?? []).length > 3)
        return { status: 400, body: '{"code":3,"message":"http: request body too large"}' };
      return text.includes(poison) ? { status: 400 } : { status: 200 };
    });
    const { post, address, collector } = await startCollector({ forward: { endpoint } });
    await post(body);
    await expect.poll(forwarded).toEqual(ids(records).filter((id) => id !== poison));
    const text = await (await fetch(`${address}/metrics`)).text();
    expect(text).toContain('sonde_forward_dropped_total{reason="refused"} 1');
    await collector.close();
  });

  it('gives up nothing for an address or a key that is wrong', async () => {
    const { endpoint, ids: forwarded, state, at } = await startEndpoint(() => ({ status: 401 }));
    const { post, collector } = await startCollector({ forward: { endpoint } });
    const { records, body } = makeChunk(newSession(), 0, 3);
    await post(body);
    await expect.poll(() => at.length).toBe(2);
    state.reply = () => ({ status: 200 });
    await expect.poll(forwarded, { timeout: 5000 }).toEqual(ids(records));
    await collector.close();
  });

  it('sends nothing of what was erased meanwhile, and tells of the erasure', async () => {
    const { endpoint, ids: forwarded, taken, state } = await startEndpoint(() => ({ status: 503 }));
    const data = await temporaryFolder();
    const { post, collector } = await startCollector({ data, forward: { endpoint } });
    const [gone, kept] = [newSession(), makeChunk(newSession(), 0, 4)];
    await post(makeChunk(gone, 0, 4).body);
    await post(kept.body);
    await collector.close();
    await runAudit('erase', '--session', gone, '--data', data);
    state.reply = () => ({ status: 200 });
    const next = await startCollector({ data, forward: { endpoint } });
    await expect.poll(() => taken.some(({ text }) => text.includes(subjectOf(gone)))).toBe(true);
    expect(forwarded()).toEqual(ids(kept.records));
    expect(taken.map(({ text }) => text).join('')).not.toContain(gone);
    await next.collector.close();
  });

  it('finds its place by line when an erasure rewrote what it had sent, and begins anew in another log', async () => {
    const { endpoint, ids: forwarded } = await startEndpoint();
    const data = await temporaryFolder();
    const first = await startCollector({ data, forward: { endpoint } });
    const [gone, kept] = [makeChunk(newSession(), 0, 4), makeChunk(newSession(), 0, 4)];
    await first.post(gone.body);
    await first.post(kept.body);
    await expect.poll(() => forwarded().length).toBe(8);
    const session = /"sonde\.session","value":\{"stringValue":"([^"]+)"/.exec(gone.body)?.[1] ?? '';
    await first.collector.close();
    await runAudit('erase', '--session', session, '--data', data);
    const later = makeChunk(newSession(), 0, 2);
    const second = await startCollector({ data, forward: { endpoint } });
    await second.post(later.body);
    await expect.poll(() => forwarded().length).toBe(10);
    expect(forwarded().slice(8)).toEqual(ids(later.records));
    await second.collector.close();
    const path = join(data, 'forward.json');
    const cursor = await readFile(path, 'utf8');
    await writeFile(path, cursor.replace(/"chain":"../, '"chain":"zz'));
    const third = await startCollector({ data, forward: { endpoint } });
    await expect.poll(() => forwarded().length, { timeout: 5000 }).toBeGreaterThanOrEqual(12);
    await third.collector.close();
    await rm(path);
  });

  it('loses nothing to kill -9, and sends little twice', async () => {
    const { endpoint, ids: forwarded } = await startEndpoint();
    const data = await temporaryFolder();
    const all: string[] = [];
    for (let round = 0; round < 2; round++) {
      const child = await startChild(['--data', data, '--forward', endpoint]);
      for (let seq = 0; seq < 100; seq += 10) {
        const { records, body } = makeChunk(newSession(), seq, 10);
        await fetch(`${child.address}/v1/logs`, { method: 'POST', body });
        all.push(...ids(records));
      }
      await child.stop('SIGKILL');
    }
    const last = await startChild(['--data', data, '--forward', endpoint]);
    await expect.poll(() => new Set(forwarded()).size, { timeout: 10_000 }).toBe(all.length);
    expect(new Set(forwarded())).toEqual(new Set(all));
    expect(await last.stop('SIGTERM')).toBe(0);
  });
});
