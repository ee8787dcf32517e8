import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Chunk, ToWorker } from '../../../src/batch/messages.ts';
import { collectorTransport } from '../../../src/deliver/collector.ts';
import { Mirror } from '../../../src/deliver/mirror.ts';
import { Sender } from '../../../src/deliver/sender.ts';
import type { Signal, TelemetryEvent } from '../../../src/protocol/telemetry.ts';
import { listen } from '../../browser/telemetry/site.ts';

const chunkAt = (signal: Signal, first: number): Chunk => ({
  life: { session: 'a'.repeat(32), epoch: 0, signal },
  first,
  count: 1,
  anomalous: false,
  body: new TextEncoder().encode('{}'),
});

/** A server that refuses records and stores measurements. */
async function refusing(status: number, headers: Record<string, string> = {}) {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    await buffer(request);
    asked.push(request.url ?? '');
    if (request.url?.startsWith('/v1/logs')) response.writeHead(status, headers).end('no');
    else response.end('{}');
  });
  const origin = await listen(server);
  onTestFinished(() => void server.close());
  vi.stubGlobal('document', { visibilityState: 'visible' });
  vi.stubGlobal('location', { href: origin });
  onTestFinished(() => void vi.unstubAllGlobals());
  const told: ToWorker[] = [];
  const events: TelemetryEvent[] = [];
  const open = (signal: Signal) => {
    const mirror = new Mirror();
    for (const first of [0, 1, 2]) mirror.addChunk(chunkAt(signal, first));
    const sender = new Sender({
      transport: collectorTransport(origin, signal, undefined),
      mirror,
      consented: () => true,
      tell: (message) => told.push(message),
      onEvent: (event) => events.push(event),
    });
    onTestFinished(() => sender.stop());
    return { mirror, sender };
  };
  return { asked, told, events, open };
}

const troubles = (events: readonly TelemetryEvent[]) =>
  events.flatMap((event) => (event.kind === 'trouble' ? [event.reason] : []));

describe('400 / 401 / 403 / 415', () => {
  it.each([400, 401, 403, 415])('%i: asked once, that signal stops, the other goes on', async (status) => {
    const { asked, told, events, open } = await refusing(status);
    const logs = open('logs');
    const metrics = open('metrics');
    await logs.sender.rested();
    for (const wake of ['kick', 'online', 'leave'] as const) logs.sender[wake]();
    await metrics.sender.rested();
    expect(asked.filter((url) => url.startsWith('/v1/logs'))).toHaveLength(1);
    expect(asked.filter((url) => url.startsWith('/v1/metrics'))).toHaveLength(3);
    expect(troubles(events)).toEqual([`refused_${status}`]);
    // Only what is malformed is given up; the rest waits for a visit that may.
    const refused = told.filter(({ kind }) => kind === 'refused');
    expect(refused).toHaveLength(status === 400 ? 1 : 0);
    expect(logs.mirror.ready()).toHaveLength(status === 400 ? 2 : 3);
  });
});

describe('429 / Retry-After', () => {
  it('tells the worker until when to hold, once, and asks no more meanwhile', async () => {
    const { asked, told, open } = await refusing(429, { 'retry-after': '86400' });
    const before = Date.now();
    const { mirror, sender } = open('logs');
    await sender.rested();
    sender.kick();
    sender.online();
    expect(asked).toHaveLength(1);
    expect(mirror.ready()).toHaveLength(3);
    expect(told).toHaveLength(1);
    const [message] = told;
    expect(message?.kind === 'hold' && message.until - before).toBeGreaterThanOrEqual(86_400_000);
  });
});
