import { describe, expect, it } from 'vitest';
import { subjectOf } from '../../../src/collect/erasures.ts';
import { walkLog } from '../../../src/collect/walk.ts';
import { MergingHistogram } from '../../../src/schema/exponential.ts';
import { runAudit } from './audit-run.ts';
import { newSession } from './chunk.ts';
import { type Export, metricsExport } from './metrics-export.ts';
import { readSegments, startCollector } from './start.ts';

async function started(options: Parameters<typeof startCollector>[0] = {}) {
  const running = await startCollector({ models: ['m'], ...options });
  const send = (body: unknown) =>
    fetch(`${running.address}/v1/metrics`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const series = async () => {
    const text = await (await fetch(`${running.address}/metrics`)).text();
    return new Map(
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line): [string, number] => [
          line.slice(0, line.lastIndexOf(' ')),
          Number(line.split(' ').at(-1)),
        ]),
    );
  };
  return { ...running, send, series };
}

const seconds = (le: string) =>
  `sonde_tier0_introspection_duration_seconds_bucket{model="m",outcome="ok",le="${le}"}`;

describe('an export of tier 0', () => {
  it('adds up in /metrics, with the exact number at or below 0.2 s', async () => {
    const { send, series } = await started();
    const session = newSession();
    const answer = await send(
      metricsExport({ session, seq: 0, requests: 3, introspection: [0.1, 0.2, 0.200001, 40] }),
    );
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { stored: [{ session, epoch: 0, ranges: [[0, 0]] }], rejected: {} },
    ]);
    await send(metricsExport({ session, seq: 1, requests: 4, introspection: [0.2] }));
    const found = await series();
    expect(found.get('sonde_tier0_requests_total{model="m",outcome="ok"}')).toBe(7);
    expect(['0.1', '0.2', '0.5', '30', '+Inf'].map((le) => found.get(seconds(le)))).toEqual([1, 3, 4, 4, 5]);
  });

  it('merges exponential histograms of different scales', async () => {
    const { send, series } = await started();
    const [fine, coarse] = [new MergingHistogram(), new MergingHistogram()];
    for (const value of [0.9, 0.95]) fine.add(value);
    for (const value of [0, 0.001, 3.5, 12]) coarse.add(value);
    expect(fine.read().scale).toBeGreaterThan(coarse.read().scale);
    for (const [seq, entropy] of [fine, coarse].entries())
      await send(metricsExport({ session: newSession(), seq, entropy }));
    const found = await series();
    const at = (le: string) =>
      found.get(`sonde_tier0_token_entropy_nats_bucket{model="m",outcome="ok",le="${le}"}`);
    expect(['0.25', '1', '4', '+Inf'].map(at)).toEqual([2, 4, 5, 6]);
    expect(found.get('sonde_tier0_token_entropy_nats_sum{model="m",outcome="ok"}')).toBeCloseTo(17.351, 9);
  });

  it('counts once, however often it comes, after a restart too', async () => {
    const { send, series, data, collector } = await started();
    const body = metricsExport({ session: newSession(), seq: 5, requests: 2 });
    for (let i = 0; i < 3; i++) await send(body);
    expect((await series()).get('sonde_tier0_requests_total{model="m",outcome="ok"}')).toBe(2);
    await collector.close();
    const again = await started({ data });
    await again.send(body);
    expect((await again.series()).get('sonde_tier0_requests_total{model="m",outcome="ok"}')).toBeUndefined();
    expect((await readSegments(data)).match(/"kind":"metrics"/g)).toHaveLength(1);
  });

  it('is not stored where parts of it are, in whichever export; the answer says which', async () => {
    const { send, series } = await started();
    const session = newSession();
    const answered = async (seq: number, count: number) => {
      const answer = await send(metricsExport({ session, seq, count, requests: count }));
      return ((await answer.json()) as { stored: { ranges: unknown }[] }).stored[0]?.ranges;
    };
    expect(await answered(0, 3)).toEqual([[0, 2]]);
    expect(await answered(0, 5)).toEqual([[0, 2]]);
    expect(await answered(1, 2)).toEqual([[0, 2]]);
    expect(await Promise.all([answered(3, 2), answered(4, 3)])).toEqual([[[0, 4]], [[0, 4]]]);
    expect(await answered(5, 2)).toEqual([[0, 6]]);
    expect((await series()).get('sonde_tier0_requests_total{model="m",outcome="ok"}')).toBe(7);
  });

  it('cannot add a label value', async () => {
    const { send, series } = await started();
    for (let i = 0; i < 50; i++)
      await send(metricsExport({ session: newSession(), seq: 0, model: `x${i}`, requests: 1 }));
    expect((await series()).get('sonde_tier0_requests_total{model="other",outcome="ok"}')).toBe(50);
    expect([...(await series()).keys()].join()).not.toContain('x1');
  });

  it('is erased with its session', async () => {
    const { send, data, collector } = await started();
    const session = newSession();
    await send(metricsExport({ session, seq: 0, requests: 1 }));
    await collector.close();
    await runAudit('erase', '--digest', subjectOf(session), '--data', data);
    expect(await readSegments(data)).not.toContain(session);
    expect((await walkLog(data, () => undefined)).faults).toEqual([]);
  });

  const good = (): Export => ({ session: newSession(), seq: 0, requests: 1, introspection: [1] });
  it.each([
    ['an unknown metric', /sonde\.requests/, 'secret.metric', 'unknown_metric'],
    ['cumulative counts', /"aggregationTemporality":1/, '"aggregationTemporality":2', 'invalid.temporality'],
    ['another unit', /\{request\}/, '{token}', 'invalid.unit'],
    ['another attribute', /sonde\.request\.outcome/, 'user.name', 'unknown_field'],
    ['no model', /\{"key":"gen_ai.request.model".*?\}\},/, '', 'missing.modelId'],
    ['a count that is none', /"asInt":"1"/, '"asInt":"-1"', 'invalid.count'],
    ['a count that does not add up', /"count":"1"/, '"count":"2"', 'invalid.count'],
    ['other edges', /0\.2,/, '0.25,', 'invalid.buckets'],
  ])('is refused point by point: %s', async (_what, from, to, reason) => {
    const { send, data } = await started();
    const bent = JSON.stringify(metricsExport(good())).replace(from, to);
    const answer = await send(JSON.parse(bent));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      partialSuccess: { rejectedDataPoints: '1' },
      rejected: { [reason]: 1 },
    });
    expect(await readSegments(data)).not.toContain('user.name');
  });

  it.each([
    ['without a session', /sonde\.session/, 'other.session', 'bad_scope'],
    ['without a service', /service\.name/, 'other', 'bad_resource'],
    ['without a count', /sonde\.seq\.count/, 'other', 'bad_scope'],
    ['of logs', /resourceMetrics/, 'resourceLogs', 'not_otlp'],
  ])('is refused as a whole %s', async (_what, from, to, code) => {
    const { send } = await started();
    const answer = await send(JSON.parse(JSON.stringify(metricsExport(good())).replace(from, to)));
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code })]);
  });
});

describe('M1 to M10', () => {
  it('each have a name', async () => {
    const { address } = await started();
    const text = await (await fetch(`${address}/metrics`)).text();
    expect(text).not.toContain('No data');
    for (const number of [1, 2, 3, 4, 5, 6, 7, 8, 9])
      expect(text).toMatch(new RegExp(`^# HELP sonde_\\w+ M${number}\\b`, 'm'));
  });
});
