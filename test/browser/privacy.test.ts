import { expect, it } from 'vitest';
import { createSonde, type TelemetryEvent } from '../../src/index.ts';

const worker = (): Worker =>
  new Worker(new URL('../../workers/inspector.ts', import.meta.url), { type: 'module' });

/** What of Sonde the browser itself says is there. */
async function there(): Promise<readonly string[]> {
  const found = [...(await indexedDB.databases()).map(({ name = '' }) => name), ...(await caches.keys())];
  return found.filter((name) => name.startsWith('sonde-')).sort();
}

it('shows what is stored and what was sent, and deletes all of it', async () => {
  const sonde = createSonde({
    device: 'wasm',
    worker,
    // Nobody listens there: what is looked at is what was sent.
    telemetry: { endpoint: `${location.origin}/nobody`, consent: 'granted' },
  });
  const leaving = new Promise<Extract<TelemetryEvent, { kind: 'sent' }>>((resolve) =>
    sonde.telemetry?.subscribe((event) => event.kind === 'sent' && resolve(event)),
  );
  const model = await sonde.load('/models/sentiment');
  await model.classify('a gorgeous , witty film');
  const labelled = Array.from({ length: 9 }, (_, i) => ({ text: `film number ${i}`, label: i % 2 }));
  await model.calibrate(labelled);
  const { session } = await leaving;

  const names = (await sonde.privacy.stored()).map(({ name }) => name).sort();
  expect(names).toEqual(['sonde-calibrations', 'sonde-input-keys', 'sonde-journal', 'sonde-models-1']);
  expect(names).toEqual(await there());
  for (const { entries } of await sonde.privacy.stored()) expect(entries).toBeGreaterThan(0);

  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(session)));
  const digest = Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const told = await sonde.privacy.sent();
  expect(told).toMatchObject([{ digest }]);
  expect(told[0]?.records).toBeGreaterThan(0);

  expect(await sonde.privacy.deleteEverything()).toMatchObject([{ digest }]);
  expect(await there()).toEqual([]);
  expect(await sonde.privacy.stored()).toEqual([]);
  // Looking made nothing either, and what was in memory is gone too.
  expect(await there()).toEqual([]);
  expect(sonde.telemetry?.consent).toBe('denied');
  expect(await model.calibration()).toBeUndefined();
  await model.classify('a dull , pointless mess');
  expect(await there()).toEqual([]);
  await sonde.dispose();
});
