import { expect, it } from 'vitest';
import { createSonde, type TelemetryEvent } from '../../src/index.ts';
import type { Masked } from '../../src/schema/masked.ts';
import { validateLogs } from '../../src/schema/receive.ts';
import type { RequestRecord } from '../../src/schema/record.ts';

const spawn = (): Worker =>
  new Worker(new URL('../../workers/inspector.ts', import.meta.url), { type: 'module' });

const unzip = async (body: Uint8Array<ArrayBuffer>): Promise<string> =>
  body[0] === 0x1f && body[1] === 0x8b
    ? new Response(new Blob([body]).stream().pipeThrough(new DecompressionStream('gzip'))).text()
    : new TextDecoder().decode(body);

it('outcomes go from the page through the mask to the wire, with what the record of their request told', async () => {
  const sonde = createSonde({
    device: 'wasm',
    worker: spawn,
    service: { name: 'shop' },
    // Nobody listens there: what is looked at is what was sent.
    telemetry: { endpoint: `${location.origin}/nobody`, consent: 'granted', records: 'detailed' },
  });
  const sent = new Promise<Uint8Array<ArrayBuffer>>((resolve) =>
    sonde.telemetry?.subscribe(
      (event: TelemetryEvent) => event.kind === 'sent' && event.signal === 'logs' && resolve(event.body),
    ),
  );
  const model = await sonde.load('/models/sentiment');
  const record = new Promise<Masked<RequestRecord>>((resolve) =>
    sonde.telemetry?.subscribe((event) => event.kind === 'record' && resolve(event.masked)),
  );
  const context = { requestId: 'order-18', cohort: 'beta', flow: 'shop', critical: true };
  const { label } = await model.classify('a gorgeous film', context);
  await sonde.outcome('order-18', { predicted: label, label: 'NEGATIVE' });
  await sonde.outcome('order-17', {
    predicted: 'POSITIVE',
    label: 'jane@example.com',
    value: 12.5,
    tags: ['refund', 'late'],
  });
  const read = validateLogs(JSON.parse(await unzip(await sent)));
  const chunks = read.kind === 'logs' ? read.chunks : [];
  expect(chunks.map(({ service }) => service.name)).toEqual(chunks.map(() => 'shop'));
  const { modelId, modelDigest, inclusionProbability, confidenceMean } = await record;
  expect(confidenceMean).toBeGreaterThan(0);
  const told = { cohort: 'beta', critical: true, modelId, modelDigest, inclusionProbability, confidenceMean };
  const outcomes = chunks
    .flatMap(({ verdicts }) => verdicts)
    .flatMap((verdict) => ('outcome' in verdict ? [verdict.outcome] : []));
  expect(outcomes).toMatchObject([
    { requestId: 'order-18', ...told, predicted: label, label: 'NEGATIVE' },
    // Nothing is known here of its request.
    { requestId: 'order-17', predicted: 'POSITIVE', value: 12.5, tags: 'refund,late' },
  ]);
  expect(outcomes[1]).not.toHaveProperty('modelId');
  expect(JSON.stringify(read)).not.toContain('jane');
  await sonde.dispose();
});

it('an outcome without telemetry is refused, not forgotten', async () => {
  const sonde = createSonde({ worker: spawn });
  await expect(sonde.outcome('order-17', {})).rejects.toMatchObject({ code: 'invalid_argument' });
  await sonde.dispose();
});
