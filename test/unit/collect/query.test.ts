import { describe, expect, it, vi } from 'vitest';
import { subjectOf } from '../../../src/collect/erasures.ts';
import { bytesOf, type Entry } from '../../../src/collect/line.ts';
import { SegmentLog } from '../../../src/collect/log.ts';
import { askCalibration } from '../../../src/collect/query.ts';
import { addToken, type Role, removeToken, roles } from '../../../src/collect/tokens.ts';
import type { OutcomeRecord } from '../../../src/schema/record.ts';
import { milliseconds, probability } from '../../../src/shared/units.ts';
import { chunkOf, maskedRecord, newSession } from './chunk.ts';
import { readSegments, startCollector, temporaryFolder } from './start.ts';

interface Row {
  readonly group: Record<string, string>;
  readonly records: number;
  readonly requests: number;
  readonly quantiles: Record<string, { p50: number; p95: number; p99: number }>;
}

async function started(data?: string) {
  const running = await startCollector({
    ...(data === undefined ? {} : { data }),
    admin: { port: 0, token: 'secret' },
  });
  const admin = running.collector.adminAddress ?? '';
  const ask = (path: string, init: RequestInit & { token?: string } = {}) =>
    fetch(`${admin}${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${init.token ?? 'secret'}`,
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    });
  const query = async (path: string) =>
    (await (await ask(path)).json()) as { source: string; groups: readonly Row[] };
  const send = async (records: readonly Parameters<typeof maskedRecord>[0][]) => {
    const chunk = { session: newSession(), epoch: 0, seq: 0 };
    await running.post(JSON.stringify(chunkOf(chunk, records.map(maskedRecord))));
    return chunk.session;
  };
  return { ...running, ask, query, send };
}

/** Durations 1 ... 100 ms in two cohorts; those of `b` were kept with probability 1/4. */
const hundred = Array.from({ length: 100 }, (_, i) => ({
  duration: milliseconds(i + 1),
  cohort: i % 2 === 0 ? 'a' : 'b',
  inclusionProbability: probability(i % 2 === 0 ? 1 : 0.25),
}));

describe('a query', () => {
  it('counts requests by inclusion probability and tells quantiles: exactly from the log, nearly from rollups', async () => {
    const { query, send } = await started();
    await send(hundred);
    const exact = await query('/api/query?by=cohort&exact=1');
    expect(exact).toMatchObject({
      source: 'log',
      groups: [
        { group: { cohort: 'a' }, records: 50, requests: 50 },
        { group: { cohort: 'b' }, records: 50, requests: 200 },
      ],
    });
    // Of 1, 3, ... 99 the 25th is 49; of 2, 4, ... 100 the 48th is 96.
    expect(exact.groups[0]?.quantiles.duration?.p50).toBe(49);
    expect(exact.groups[1]?.quantiles.duration?.p95).toBe(96);
    const near = await query('/api/query?by=cohort');
    expect(near.source).toBe('rollups');
    for (const [i, { records, requests, quantiles }] of near.groups.entries()) {
      const truth = exact.groups[i];
      expect([records, requests]).toEqual([truth?.records, truth?.requests]);
      for (const rank of ['p50', 'p95', 'p99'] as const)
        expect((quantiles.duration?.[rank] ?? 0) / (truth?.quantiles.duration?.[rank] ?? 0)).toBeCloseTo(
          1,
          1,
        );
    }
    // One quarter of the weight is at the odd values: the weighted median of all is not 50.
    const [all] = (await query('/api/query?exact=1')).groups;
    expect([all?.records, all?.requests]).toEqual([100, 250]);
  });

  it('looks at a time, a model, a revision and a cohort only', async () => {
    const { query, send } = await started();
    const before = Date.now();
    await send([{ modelId: 'a' }, { modelId: 'b' }, { modelId: 'b', outcome: 'error' }]);
    for (const exact of ['', '&exact=1']) {
      const records = async (where: string) =>
        (await query(`/api/query?${where}${exact}`)).groups[0]?.records;
      expect(await records('model=b')).toBe(2);
      expect(await records('model=b&outcome=error')).toBe(1);
      expect(await records('cohort=beta')).toBe(3);
      expect(await records('cohort=alpha')).toBeUndefined();
      expect(await records(`from=${before - 60_000}`)).toBe(3);
      expect(await records(`to=${before - 120_000}`)).toBeUndefined();
    }
  });

  it('is answered from rollups again once the log behind the checkpoint is read', async () => {
    const { send, data, collector } = await started();
    await send(hundred);
    await collector.close();
    const next = await started(data);
    await next.send(hundred.slice(0, 10));
    await vi.waitUntil(async () => (await next.query('/api/query')).source === 'rollups', {
      timeout: 20_000,
    });
    expect((await next.query('/api/query')).groups).toMatchObject([{ records: 110 }]);
  });

  it.each(['from=yesterday', 'by=name', 'by=model,session'])('is refused: %s', async (text) => {
    const { ask } = await started();
    expect((await ask(`/api/query?${text}`)).status).toBe(400);
  });
});

describe('calibration', () => {
  it('joins labels with confidences; the error is weighted by inclusion probability', async () => {
    const data = await temporaryFolder();
    const { log } = await SegmentLog.open(data, () => undefined);
    const life = { session: newSession(), epoch: 0, seq: 0, receivedAt: 1000, service: { name: 'shop' } };
    const request = (requestId: string, confidence: number, kept: number): Entry => ({
      kind: 'record',
      ...life,
      record: maskedRecord({
        requestId,
        confidenceMean: probability(confidence),
        inclusionProbability: probability(kept),
      }),
    });
    const label = (requestId: string, isRight: boolean): Entry => ({
      kind: 'record',
      ...life,
      record: { requestId, predicted: 'x', label: isRight ? 'x' : 'y' } as OutcomeRecord,
    });
    const labelled = (entry: Entry): Entry =>
      entry.kind === 'record' && 'label' in entry.record
        ? { ...entry, record: { ...entry.record, reportedAt: 0 as never } }
        : entry;
    await log.append(
      [
        request('a', 0.9, 1),
        request('b', 0.9, 0.5),
        request('c', 0.5, 1),
        request('unlabelled', 0.1, 1),
        label('a', true),
        label('b', false),
        label('c', true),
        label('unknown', true),
        { kind: 'chunk', ...life, count: 8, records: 8, rejected: {} } as Entry,
      ].map((entry) => bytesOf(labelled(entry))),
    );
    await log.close();
    // Bin of 0.9: weight 3, confidence 0.9, accuracy 1/3. Bin of 0.5: weight 1, confidence 0.5, accuracy 1.
    const found = await askCalibration(data, { from: 0, to: 2000, by: [] });
    expect(found.ece).toBeCloseTo((3 * (0.9 - 1 / 3) + 1 * (1 - 0.5)) / 4, 12);
    expect(found.accuracy).toBeCloseTo(2 / 4, 12);
    expect(found).toMatchObject({ requests: 4, pairs: 3, bins: [{ requests: 1 }, { requests: 3 }] });
    expect(await askCalibration(data, { from: 5000, to: 6000, by: [] })).toEqual({
      requests: 0,
      pairs: 0,
      bins: [],
    });
  });
});

describe('who may ask what', () => {
  const routes: readonly [path: string, ...Role[]][] = [
    ['/api/query', 'viewer', 'analyst', 'auditor', 'admin'],
    ['/api/records', 'analyst', 'admin'],
    ['/api/requests/none', 'analyst', 'admin'],
    ['/api/audit', 'auditor', 'admin'],
  ];

  it('goes by role; each access is in the log, tokens and addresses are not', async () => {
    const { ask, data } = await started();
    const tokens = new Map<Role, string>();
    for (const role of roles) tokens.set(role, await addToken(data, `the-${role}`, role));
    for (const [path, ...allowed] of routes)
      for (const [role, token] of tokens) {
        const { status } = await ask(path, { token });
        expect([path, role, status === 403]).toEqual([path, role, !allowed.includes(role)]);
      }
    const body = JSON.stringify({ digest: subjectOf('x'), reason: 'asked' });
    for (const [role, token] of tokens) {
      const { status } = await ask('/api/erasures', { token, method: 'POST', body });
      expect([role, status]).toEqual([role, role === 'admin' ? 200 : 403]);
    }
    await ask('/jane@example.com');
    const text = await readSegments(data);
    expect(text).toContain('"kind":"access"');
    expect(text).toContain('"name":"the-viewer","role":"viewer","route":"/api/records","allowed":false');
    expect(text).toContain('"route":"/api/requests/:id"');
    for (const secret of [...tokens.values(), 'secret"', 'jane']) expect(text).not.toContain(secret);
    await removeToken(data, 'the-admin');
    expect((await ask('/api/audit', { token: tokens.get('admin') ?? '' })).status).toBe(401);
  });

  it('is nobody without a token', async () => {
    const { ask } = await started();
    for (const token of ['', 'wrong', 'secret2'])
      expect((await ask('/api/query', { token })).status).toBe(401);
  });
});

describe('one request, the tail, and changes', () => {
  it('finds a request by its id', async () => {
    const { ask, send } = await started();
    await send([{ requestId: 'order-7' }, { requestId: 'order-8' }]);
    expect(await (await ask('/api/requests/order-8')).json()).toMatchObject({
      entries: [{ record: { requestId: 'order-8' } }],
    });
    expect((await ask('/api/requests/order-9')).status).toBe(404);
  });

  it('hears records as they are stored', async () => {
    const { ask, send } = await started();
    const answer = await ask('/api/tail');
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    await send([{ requestId: 'order-7' }]);
    let heard = '';
    while (!heard.includes('order-7')) heard += (await reader?.read())?.value ?? '';
    expect(JSON.parse(/^data: (.*)$/m.exec(heard)?.[1] ?? '')).toMatchObject({
      record: { requestId: 'order-7' },
    });
    await reader?.cancel();
  });

  it('holds and erases while records come in', async () => {
    const { ask, send, data } = await started();
    const session = await send([{}, {}]);
    const post = (path: string, body: object) => ask(path, { method: 'POST', body: JSON.stringify(body) });
    await post('/api/holds', { id: 'case-1', from: '2020-01-01', to: '2100-01-01', reason: 'inquiry' });
    const digest = subjectOf(session);
    expect(await (await post('/api/erasures', { digest, reason: 'asked' })).json()).toEqual({
      recordsOnHold: 2,
    });
    const sending = Promise.all(Array.from({ length: 10 }, () => send([{}])));
    expect((await ask('/api/holds/case-1', { method: 'DELETE' })).status).toBe(200);
    await sending;
    expect(await readSegments(data)).not.toContain(session);
    expect(await (await ask('/api/audit')).json()).toMatchObject({ faults: [], holds: [], recordsOnHold: 0 });
    expect((await post('/api/erasures', { digest: 'x', reason: 'asked' })).status).toBe(400);
  });
});
