import { expect, it } from 'vitest';
import { createSonde, type TelemetryEvent } from '../../src/index.ts';
import { validateLogs } from '../../src/schema/receive.ts';

const spawn = (): Worker =>
  new Worker(new URL('../../workers/inspector.ts', import.meta.url), { type: 'module' });

const unzip = async (body: Uint8Array<ArrayBuffer>): Promise<string> =>
  body[0] === 0x1f && body[1] === 0x8b
    ? new Response(new Blob([body]).stream().pipeThrough(new DecompressionStream('gzip'))).text()
    : new TextDecoder().decode(body);

it('an outcome goes from the page through the mask to the wire, as the collector reads it', async () => {
  const sonde = createSonde({
    device: 'wasm',
    worker: spawn,
    service: { name: 'shop' },
    // Nobody listens there: what is looked at is what was sent.
    telemetry: { endpoint: `${location.origin}/nobody`, consent: 'granted' },
  });
  const sent = new Promise<Uint8Array<ArrayBuffer>>((resolve) =>
    sonde.telemetry?.subscribe(
      (event: TelemetryEvent) => event.kind === 'sent' && event.signal === 'logs' && resolve(event.body),
    ),
  );
  await sonde.outcome('order-17', {
    predicted: 'POSITIVE',
    label: 'jane@example.com',
    value: 12.5,
    tags: ['refund', 'late'],
  });
  const read = validateLogs(JSON.parse(await unzip(await sent)));
  expect(read).toMatchObject({
    chunks: [
      {
        service: { name: 'shop' },
        verdicts: [
          { outcome: { requestId: 'order-17', predicted: 'POSITIVE', value: 12.5, tags: 'refund,late' } },
        ],
      },
    ],
  });
  expect(JSON.stringify(read)).not.toContain('jane');
  await sonde.dispose();
});

it('an outcome without telemetry is refused, not forgotten', async () => {
  const sonde = createSonde({ worker: spawn });
  await expect(sonde.outcome('order-17', {})).rejects.toMatchObject({ code: 'invalid_argument' });
  await sonde.dispose();
});
