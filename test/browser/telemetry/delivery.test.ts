import { describe, expect, it } from 'vitest';
import { stage } from './scene.ts';
import {
  countStored,
  emit,
  eventsOf,
  eventually,
  expectSettled,
  expectStored,
  journalled,
  ledgerOf,
  names,
} from './visit.ts';

const play = stage();

describe.concurrent('while the page is visible', () => {
  it(
    'sends what was emitted within two seconds, as gzip in text/plain with the key in the URL',
    play(async ({ collector, open }) => {
      const page = await open();
      await emit(page, names(10));
      await expectStored(collector, names(10));
      await expectSettled(page, { emitted: 10, acknowledged: 10, dropped: {} });
      const [first] = collector.arrivals;
      expect(first).toMatchObject({ contentType: 'text/plain', url: '/v1/logs?key=pk_test' });
      expect([...(first?.body.subarray(0, 2) ?? [])]).toEqual([0x1f, 0x8b]);
    }),
  );

  it(
    'flush sends at once and resolves when it is answered',
    play(async ({ collector, open }) => {
      const page = await open();
      await emit(page, names(3));
      await page.evaluate(() => window.harness.flush());
      expect(await collector.stored()).toEqual(names(3));
    }),
  );
});

describe.concurrent('hidden / pagehide: beacons', () => {
  it.each([400, 1500])('navigate with %i pending: all there after the next visit, each once', (count) =>
    play(async ({ collector, open }) => {
      const page = await open();
      collector.fault = () => ({ kind: 'status', status: 503 });
      await emit(page, names(count));
      await page.waitForTimeout(1000);
      collector.fault = undefined;
      await page.goto('about:blank');
      await page.waitForTimeout(1000);
      console.log(`navigate with ${count} pending: ${await countStored(collector, names(count))} at exit`);
      const next = await open();
      await expectStored(collector, names(count));
      await expectSettled(next, {});
    })(),
  );

  it(
    'navigate with records of the last 200 ms: all there at exit, without another visit',
    play(async ({ collector, open }) => {
      const page = await open();
      await emit(page, names(20));
      await page.waitForTimeout(200);
      await page.goto('about:blank');
      await expectStored(collector, names(20));
    }),
  );

  it(
    'close: all there after the next visit, each once',
    play(async ({ collector, open }) => {
      const page = await open();
      await emit(page, names(20));
      await page.waitForTimeout(200);
      await Promise.all([page.waitForEvent('close'), page.close({ runBeforeUnload: true })]);
      // A browser grants a closing tab about a second; a busy machine may need more, hence no assertion.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      console.log(`close with 20 records: ${await countStored(collector, names(20))} at exit`);
      const next = await open();
      await expectStored(collector, names(20));
      await expectSettled(next, {});
    }),
  );
});

describe.concurrent('5xx, network error', () => {
  it(
    '20 records over 2 s of 503: kept, sent again, each once',
    play(async ({ collector, open }) => {
      const page = await open();
      collector.fault = () => ({ kind: 'status', status: 503 });
      await emit(page, names(20));
      await page.waitForTimeout(2000);
      expect(await ledgerOf(page)).toMatchObject({ pending: 20 });
      collector.fault = undefined;
      await expectStored(collector, names(20));
      await expectSettled(page, { acknowledged: 20 });
    }),
  );

  it(
    'an answer that is lost: sent again, stored once',
    play(async ({ collector, open }) => {
      const page = await open();
      collector.fault = () => ({ kind: 'lost answer' });
      await emit(page, names(20));
      await eventually(() => expect(collector.arrivals).not.toHaveLength(0));
      collector.fault = undefined;
      await expectSettled(page, { acknowledged: 20 });
      await expectStored(collector, names(20));
    }),
  );
});

describe.concurrent('429 / Retry-After', () => {
  it(
    'is obeyed to the second, across a reload too',
    play(async ({ collector, open }) => {
      const page = await open();
      let refused = 0;
      collector.fault = () => {
        refused ||= Date.now();
        return Date.now() - refused < 1900 ? { kind: 'status', status: 429, retryAfter: '2' } : undefined;
      };
      await emit(page, names(5));
      await eventually(() => expect(collector.arrivals).toHaveLength(1));
      await eventually(async () => expect(await journalled(page, 'holds')).toBe(1));
      await page.reload();
      await emit(page, names(5, 's'));
      await expectStored(collector, [...names(5), ...names(5, 's')]);
      expect(collector.arrivals.filter(({ answered }) => answered === 429)).toHaveLength(1);
      expect((collector.arrivals[1]?.at ?? 0) - refused).toBeGreaterThanOrEqual(1900);
    }),
  );
});

describe.concurrent('413, or 400 "too large"', () => {
  it(
    'halves until it fits; what is too large alone is dropped and counted',
    play(async ({ collector, open }) => {
      const page = await open();
      collector.fault = (_body, records) =>
        records > 5 ? { kind: 'status', status: 400, body: 'request body too large' } : undefined;
      await emit(page, names(40));
      await expectStored(collector, names(40));
      collector.fault = () => ({ kind: 'status', status: 413 });
      await emit(page, names(3, 's'));
      await expectSettled(page, { acknowledged: 40, dropped: { too_large: 3 } });
    }),
  );
});

describe.concurrent('400 / 401 / 403 / 415', () => {
  it(
    '400: the chunk is quarantined and counted, the signal stops, nothing loops',
    play(async ({ collector, open }) => {
      const page = await open();
      collector.fault = () => ({ kind: 'status', status: 400 });
      await emit(page, names(4));
      await eventually(async () =>
        expect(await ledgerOf(page)).toMatchObject({ dropped: { refused_400: 4 } }),
      );
      await emit(page, names(4, 's'));
      await page.waitForTimeout(1500);
      expect(collector.arrivals).toHaveLength(1);
      expect(await ledgerOf(page)).toMatchObject({ emitted: 8, pending: 4 });
    }),
  );

  it(
    '401: the signal stops, the records wait for a visit that may',
    play(async ({ collector, open }) => {
      const page = await open();
      collector.fault = () => ({ kind: 'status', status: 401 });
      await emit(page, names(4));
      await eventually(async () =>
        expect((await eventsOf(page)).map(({ reason }) => reason)).toContain('refused_401'),
      );
      await emit(page, names(4, 's'));
      await page.waitForTimeout(1200);
      expect(collector.arrivals).toHaveLength(1);
      collector.fault = undefined;
      await page.reload();
      await expectStored(collector, [...names(4), ...names(4, 's')]);
    }),
  );
});
