import { expect, it } from 'vitest';
import { createSonde, simHashAngle, simHashDistance, type TelemetryEvent } from '../../src/index.ts';

const worker = (): Worker =>
  new Worker(new URL('../../workers/inspector.ts', import.meta.url), { type: 'module' });

/** What of Sonde the browser itself says is there. */
async function there(): Promise<readonly string[]> {
  const found = [...(await indexedDB.databases()).map(({ name = '' }) => name), ...(await caches.keys())];
  return found.filter((name) => name.startsWith('sonde-')).sort();
}

it('lets texts out where the application opted in, masked, and after consent', async () => {
  const sonde = createSonde({
    device: 'wasm',
    worker,
    telemetry: {
      endpoint: `${location.origin}/nobody`,
      text: { input: 'mask', output: 'hash', people: ['Jane'] },
    },
  });
  const records: Extract<TelemetryEvent, { kind: 'record' }>[] = [];
  const bodies: string[] = [];
  sonde.telemetry?.subscribe((event) => {
    if (event.kind === 'record') records.push(event);
    if (event.kind === 'sent' && event.signal === 'logs') bodies.push(new TextDecoder().decode(event.body));
  });
  const model = await sonde.load('/models/sentiment');
  await model.classify('before anybody agreed, jane@example.com');
  await sonde.telemetry?.setConsent('granted');
  const text = 'Jane (jane@example.com) calls it a gorgeous film';
  await model.classify(text);
  await expect.poll(() => records.length).toBe(2);
  await sonde.telemetry?.flush();
  expect(records[1]).toMatchObject({
    raw: { inputText: text },
    masked: { inputText: '[name] [email] calls it a gorgeous film' },
  });
  expect(bodies.join('')).not.toMatch(/agreed|example/);
  expect(() => createSonde({ telemetry: { endpoint: '/', epsilon: 1, text: { input: 'mask' } } })).toThrow(
    'any epsilon',
  );
  await sonde.dispose();
});

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
  const text = 'a gorgeous , witty film';
  const retrieved = ['Witty: quick and clever.', 'Gorgeous: of great beauty.'];
  const { provenance: first } = await model.classify(text, { retrieved });
  expect(first).toMatchObject({ consent: 'granted', retrievedPassages: 2 });
  expect(first.retrievedDigest).toMatch(/^[0-9a-f]{64}$/);
  const again = await model.classify('another film', { retrieved: [...retrieved] });
  const other = await model.classify(text, { retrieved: [...retrieved].reverse() });
  expect(again.provenance.retrievedDigest).toBe(first.retrievedDigest);
  expect(other.provenance.inputDigest).toBe(first.inputDigest);
  expect(other.provenance.retrievedDigest).not.toBe(first.retrievedDigest);
  expect(other.provenance.passageDigests).toEqual([...(first.passageDigests ?? [])].reverse());
  expect(new Set(first.passageDigests).size).toBe(2);
  const hashOf = async (input: string) => {
    const captured = await model.capture(input, ['blocks.1.hook_resid_post']);
    const hash = await captured.simHash('blocks.1.hook_resid_post');
    await captured.dispose();
    await expect(captured.simHash('blocks.1.hook_resid_post')).rejects.toMatchObject({ code: 'disposed' });
    return hash;
  };
  const hashed = await hashOf(text);
  expect(hashed).toMatchObject({ hash: expect.stringMatching(/^[0-9a-f]{16}$/), keyId: first.inputKeyId });
  expect(await hashOf(text)).toEqual(hashed);
  const near = simHashAngle(hashed.hash, (await hashOf('a gorgeous , witty movie')).hash);
  expect(near).toBeLessThan(simHashAngle(hashed.hash, (await hashOf('a dull , pointless mess')).hash));
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
  const { provenance: last } = await model.classify('a dull , pointless mess', { retrieved });
  expect(last).toMatchObject({ consent: 'denied', retrievedPassages: 2 });
  expect([last.inputDigest, last.retrievedDigest, last.passageDigests]).toEqual(Array(3).fill(undefined));
  expect(await there()).toEqual([]);
  // Under another salt it is another hash.
  const unkeyed = await hashOf(text);
  expect(unkeyed).not.toHaveProperty('keyId');
  expect(simHashDistance(hashed.hash, unkeyed.hash)).toBeGreaterThan(8);
  await sonde.dispose();
});
