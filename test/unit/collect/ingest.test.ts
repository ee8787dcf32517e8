import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { chunkOf, makeChunk, maskedRecord, newSession } from './chunk.ts';
import { readSegments, startCollector, storedIds } from './start.ts';

const idsOf = (records: readonly { recordId: string }[]) => records.map(({ recordId }) => recordId);

describe('a good body', () => {
  it.each([
    ['JSON', 'application/json', (text: string) => text, {}],
    ['JSON with a charset', 'application/json; charset=utf-8', (text: string) => text, {}],
    ['gzip JSON', 'application/json', (text: string) => gzipSync(text), { 'content-encoding': 'gzip' }],
    ['a beacon', 'text/plain', (text: string) => text, {}],
    ['a gzip beacon', 'text/plain;charset=UTF-8', (text: string) => gzipSync(text), {}],
  ])('is stored before it is answered: %s', async (_what, type, pack, headers) => {
    const { post, data } = await startCollector();
    const session = newSession();
    const { body, records } = makeChunk(session, 3, 4);
    const answer = await post(pack(body), { 'content-type': type, ...headers });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ stored: [{ session, epoch: 0, ranges: [[3, 6]] }], rejected: {} });
    expect(await storedIds(data)).toEqual(idsOf(records));
  });

  it('is stored with service, numbers and the time it came', async () => {
    const { post, data } = await startCollector();
    const session = newSession();
    const { body, records } = makeChunk(session, 0, 1);
    const before = Date.now();
    await post(body);
    const [, line = ''] = (await readSegments(data)).split('\n');
    const { entry } = JSON.parse(line);
    expect(entry).toMatchObject({ kind: 'record', session, epoch: 0, seq: 0, service: { name: 'shop' } });
    expect(entry.record).toEqual(records[0]);
    expect(entry.receivedAt).toBeGreaterThanOrEqual(before);
  });
});

describe('numbers', () => {
  it('are stored once, whether the chunk comes again, at once, out of order or cut otherwise', async () => {
    const { post, data } = await startCollector();
    const session = newSession();
    const records = Array.from({ length: 9 }, () => maskedRecord());
    const part = (from: number, to: number) =>
      JSON.stringify(chunkOf({ session, epoch: 0, seq: from }, records.slice(from, to)));
    expect(await (await post(part(6, 9))).json()).toMatchObject({ stored: [{ ranges: [[6, 8]] }] });
    await Promise.all([part(0, 3), part(0, 3), part(2, 5), part(0, 2)].map((body) => post(body)));
    const last = await post(part(3, 7));
    expect(await last.json()).toMatchObject({ stored: [{ ranges: [[0, 8]] }] });
    const ids = await storedIds(data);
    expect(ids).toHaveLength(9);
    expect(new Set(ids)).toEqual(new Set(idsOf(records)));
  });

  it('count apart in another session and epoch', async () => {
    const { post, data } = await startCollector();
    const session = newSession();
    const chunks = [
      { session, epoch: 0, seq: 0 },
      { session, epoch: 1, seq: 0 },
      { session: newSession(), epoch: 0, seq: 0 },
    ];
    for (const chunk of chunks) await post(JSON.stringify(chunkOf(chunk, [maskedRecord()])));
    expect(await storedIds(data)).toHaveLength(3);
  });

  it('that are missing are published', async () => {
    const { post, address } = await startCollector();
    const session = newSession();
    await post(makeChunk(session, 5, 2).body);
    await post(makeChunk(session, 1, 1).body);
    expect(await (await fetch(`${address}/metrics`)).text()).toMatch(/^sonde_collector_records_missing 4$/m);
  });
});

describe('a record outside the schema', () => {
  it('is refused by itself, with its reason, and is not asked for again', async () => {
    const { post, data, address } = await startCollector();
    const session = newSession();
    const bad = { ...maskedRecord(), cohort: 'jane doe' };
    const body = chunkOf({ session, epoch: 0, seq: 0 }, [maskedRecord(), bad, maskedRecord()]);
    const answer = await post(JSON.stringify(body));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      partialSuccess: { rejectedLogRecords: '1', errorMessage: 'outside the schema: invalid.cohort' },
      stored: [{ session, epoch: 0, ranges: [[0, 2]] }],
      rejected: { 'invalid.cohort': 1 },
    });
    expect(await storedIds(data)).toHaveLength(2);
    expect(await readSegments(data)).not.toContain('jane');
    expect(await (await fetch(`${address}/metrics`)).text()).toContain(
      'sonde_collector_records_rejected_total{reason="invalid.cohort"} 1',
    );
  });
});

describe('a body that cannot be used', () => {
  const good = () => makeChunk(newSession(), 0, 1).body;
  const nested = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
  const misspelt = JSON.stringify({ resource_logs: [] });
  const prototype = '{"__proto__":{"x":1},"resourceLogs":[]}';
  const bomb = gzipSync(Buffer.alloc(50_000_000, 0x20));

  it.each([
    ['empty', '', {}, 400, 'bad_json'],
    ['not JSON', '{"resourceLogs":', {}, 400, 'bad_json'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), {}, 400, 'bad_json'],
    ['deep JSON', nested, {}, 400, 'too_deep'],
    ['misspelt', misspelt, {}, 400, 'not_otlp'],
    ['one that names a prototype', prototype, {}, 400, 'bad_json'],
    ['cut-off gzip', gzipSync(good()).subarray(0, 100), {}, 400, 'bad_gzip'],
    ['a gzip bomb', bomb, {}, 413, 'too_large'],
    ['a gzip bomb as a beacon', bomb, { 'content-type': 'text/plain' }, 413, 'too_large'],
    ['a beacon over 64 KiB', 'x'.repeat(65_537), { 'content-type': 'text/plain' }, 413, 'too_large'],
    ['JSON over 1 MiB', ' '.repeat(1_048_577), {}, 413, 'too_large'],
    ['XML', '<a/>', { 'content-type': 'application/xml' }, 415, 'bad_content_type'],
    ['protobuf', Buffer.of(10, 0), { 'content-type': 'application/x-protobuf' }, 415, 'bad_content_type'],
    ['brotli', good(), { 'content-encoding': 'br' }, 415, 'bad_encoding'],
  ] as const)('is refused with its reason: %s', async (_what, body, headers, status, code) => {
    const { post, data } = await startCollector();
    const answer = await post(body, headers);
    expect(answer.status).toBe(status);
    const reason = (await answer.json()) as { code: string; message: string };
    expect(reason).toEqual({ code, message: expect.stringMatching(/^[A-Z`].*\.$/) });
    expect(await readSegments(data)).toBe('');
  });

  it('is refused with its reason: spans', async () => {
    const { address } = await startCollector();
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${address}/v1/traces`, {
      method: 'POST',
      headers,
      body: '{"resourceSpans":[]}',
    });
    expect([answer.status, await answer.json()]).toEqual([
      404,
      expect.objectContaining({ code: 'no_traces' }),
    ]);
  });

  it('tells a client that reads OTLP answers that a body was too large in the words it looks for', async () => {
    const { post } = await startCollector();
    expect(await (await post('x'.repeat(70_000), { 'content-type': 'text/plain' })).text()).toMatch(
      /too large/i,
    );
  });

  it('is cut off when it comes too slowly, while others are served', async () => {
    const { address, post } = await startCollector({ requestTimeout: 500 });
    const { hostname, port } = new URL(address);
    const slow = connect(Number(port), hostname);
    const answered = new Promise<string>((done) => {
      let text = '';
      slow.on('data', (data) => {
        text += data.toString();
      });
      slow.on('close', () => done(text));
    });
    slow.write(
      'POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n{',
    );
    expect((await post(good())).status).toBe(200);
    expect(await answered).toMatch(/^HTTP\/1\.1 408/);
  });
});

describe('who may send', () => {
  /** `fetch` may not set Host or Origin itself. */
  const sendFrom = (address: string, origin: string, method = 'POST') =>
    new Promise<{ status: number; headers: Record<string, unknown> }>((done, fail) => {
      const request = httpRequest(
        `${address}/v1/logs`,
        { method, headers: { origin, 'content-type': 'text/plain' } },
        (response) => {
          response.resume();
          response.on('end', () => done({ status: response.statusCode ?? 0, headers: response.headers }));
        },
      );
      request.on('error', fail);
      request.end(method === 'POST' ? makeChunk(newSession(), 0, 1).body : undefined);
    });

  it('a page of the collector itself, and of a listed origin by its exact name', async () => {
    const { address } = await startCollector({ origins: ['https://shop.example'] });
    expect((await sendFrom(address, address)).status).toBe(200);
    const allowed = await sendFrom(address, 'https://shop.example');
    expect(allowed).toMatchObject({
      status: 200,
      headers: {
        'access-control-allow-origin': 'https://shop.example',
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'Retry-After',
        vary: 'Origin',
      },
    });
  });

  it.each(['https://evil.example', 'https://shop.example.evil.example', 'http://shop.example', 'null'])(
    'not %s, and nothing of it is stored',
    async (origin) => {
      const { address, data } = await startCollector({ origins: ['https://shop.example'] });
      const { status, headers } = await sendFrom(address, origin);
      expect(status).toBe(403);
      expect(headers).not.toHaveProperty('access-control-allow-origin');
      expect(await readSegments(data)).toBe('');
    },
  );

  it('answers the preflight of a listed origin only', async () => {
    const { address } = await startCollector({ origins: ['https://shop.example'] });
    expect(await sendFrom(address, 'https://shop.example', 'OPTIONS')).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-methods': 'POST',
        'access-control-allow-origin': 'https://shop.example',
      },
    });
    expect((await sendFrom(address, 'https://evil.example', 'OPTIONS')).status).toBe(403);
  });

  it('only with a known key, where keys are given; looked at after the schema', async () => {
    const { post, data } = await startCollector({ keys: ['pk_shop'] });
    const { body } = makeChunk(newSession(), 0, 1);
    for (const query of ['', '?key=', '?key=other', '?key=pk_shop&key=pk_shop'])
      expect((await post(body, {}, query)).status).toBe(401);
    expect((await post('{}', {}, '?key=other')).status).toBe(400);
    expect(await readSegments(data)).toBe('');
    expect((await post(body, {}, '?key=pk_shop')).status).toBe(200);
  });

  it('at a limited rate, with Retry-After that a page of a listed origin can read', async () => {
    const { post } = await startCollector({
      origins: ['https://shop.example'],
      rateLimits: { address: { rate: 0.1, burst: 3 } },
    });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) statuses.push((await post(makeChunk(newSession(), 0, 1).body)).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    const { headers } = await post('{}');
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  const statusesFrom = async (forwarded: readonly string[], trustedProxies?: readonly string[]) => {
    const { post } = await startCollector({
      rateLimits: { address: { rate: 0.1, burst: 1 } },
      ...(trustedProxies === undefined ? {} : { trustedProxies }),
    });
    const statuses: number[] = [];
    for (const chain of forwarded)
      statuses.push((await post(makeChunk(newSession(), 0, 1).body, { 'x-forwarded-for': chain })).status);
    return statuses;
  };

  it.each([undefined, [], ['192.0.2.200']])(
    'with X-Forwarded-For ignored where the sender is no trusted proxy: %j',
    async (trusted) => {
      expect(await statusesFrom(['192.0.2.1', '192.0.2.2'], trusted)).toEqual([200, 429]);
    },
  );

  it('each behind a trusted proxy by its own address, which it cannot make up', async () => {
    const trusted = ['127.0.0.0/8', '10.0.0.1'];
    expect(await statusesFrom(['192.0.2.1', '192.0.2.2', '192.0.2.1'], trusted)).toEqual([200, 200, 429]);
    // What a sender writes itself stands left of the address that its proxy saw.
    expect(
      await statusesFrom(['198.51.100.1, 192.0.2.1', '198.51.100.2, 192.0.2.1, 10.0.0.1'], trusted),
    ).toEqual([200, 429]);
  });

  it('one key at its limit does not stop another', async () => {
    const { post } = await startCollector({
      keys: ['a', 'b'],
      rateLimits: { key: { rate: 0.1, burst: 1 } },
    });
    const send = async (key: string) =>
      (await post(makeChunk(newSession(), 0, 1).body, {}, `?key=${key}`)).status;
    expect([await send('a'), await send('a'), await send('b')]).toEqual([200, 429, 200]);
  });
});

describe('what is not there', () => {
  it('is 404 with a reason', async () => {
    const { address } = await startCollector();
    for (const path of ['/', '/v1/profiles', '/../../etc/passwd']) {
      const answer = await fetch(`${address}${path}`, { method: path === '/v1/profiles' ? 'POST' : 'GET' });
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ code: 'not_found' });
    }
  });
});
