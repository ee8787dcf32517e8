import { gunzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { openBatch } from '../../../src/batch/batch.ts';
import type { Chunk, ToPage, ToWorker } from '../../../src/batch/messages.ts';
import { Mirror } from '../../../src/deliver/mirror.ts';
import { maskService } from '../../../src/mask/mask.ts';
import { measureRequest } from '../../../src/mask/measure.ts';
import { validateMetrics } from '../../../src/schema/receive-metrics.ts';
import { isGzip } from '../../../src/shared/gzip.ts';
import { maskedRecord } from '../../browser/telemetry/page/record.ts';

const { masked } = maskService({ name: 'shop', version: '4.2', environment: 'test' });
if (masked === undefined) throw new Error('The sample service is outside the schema.');
const service = masked;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Requests that an export counts, as the collector reads it. */
function requestsIn({ body }: Chunk): number {
  const verdict = validateMetrics(
    JSON.parse((isGzip(body) ? gunzipSync(body) : Buffer.from(body)).toString()),
  );
  if (verdict.kind !== 'metrics') throw new Error(verdict.message);
  const points = verdict.exports.flatMap((each) => each.points);
  return points.reduce(
    (sum, { metric, amount }) =>
      sum + (metric === 'requests' && amount.kind === 'counter' ? amount.value : 0),
    0,
  );
}

/** Tier 0 in a worker without any storage, and the page's copy of it. */
function start() {
  const { port1, port2 } = new MessageChannel();
  const mirror = new Mirror();
  let done = (): void => undefined;
  port2.onmessage = ({ data }: MessageEvent<ToPage>) => {
    if (data.kind === 'draft') mirror.addDraft(data.chunk);
    if (data.kind === 'chunk') mirror.addChunk(data.chunk);
    if (data.kind === 'done') done();
  };
  const life = { session: 'a'.repeat(32), epoch: 0 };
  const batch = openBatch({ port: port1, life, consent: 'granted', service, sampling: 'all' });
  closing.push(() => {
    batch.close();
    port2.close();
  });
  let call = 0;
  return {
    measure(count: number): void {
      for (let made = 0; made < count; made++) batch.measure(measureRequest(maskedRecord('r'), service));
    },
    /** Messages come in order: once this is answered, all before it were read. It asks for what is so already. */
    told: (): Promise<void> =>
      new Promise((resolve) => {
        done = resolve;
        port2.postMessage({ kind: 'consent', consent: 'granted', call: call++ } satisfies ToWorker);
      }),
    /** What would be left of it, were the worker killed now. */
    copies: (): readonly Chunk[] =>
      [...mirror.unsealed(), ...mirror.ready()].sort((a, b) => a.first - b.first),
  };
}

it('the page has each measurement once and at once, also of what is being packed', async () => {
  const { measure, told, copies } = start();
  let made = 0;
  // Up to a full export, over it within one task, and on, while that is packed and when it is.
  for (const count of [1, 1, 1, 300, 196, 1, 1, 700, 1, 1]) {
    measure(count);
    made += count;
    await told();
    const held = copies();
    expect(held.map(({ first }) => first)).toEqual(
      held.map((_, index) => held.slice(0, index).reduce((sum, chunk) => sum + chunk.count, 0)),
    );
    expect(held.map(requestsIn)).toEqual(held.map(({ count: numbers }) => numbers));
    expect(held.reduce((sum, chunk) => sum + chunk.count, 0)).toBe(made);
  }
});
