import { chromium } from 'playwright';
import { describe, expect, it } from 'vitest';
import { chromiumFlags, chromiumPath } from '../../chromium.ts';
import { stage } from './scene.ts';
import {
  emit,
  eventsOf,
  eventually,
  expectSettled,
  expectStored,
  ledgerOf,
  names,
  pretend,
} from './visit.ts';

const play = stage(async () =>
  chromium.launch({
    executablePath: await chromiumPath(),
    args: [...chromiumFlags],
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  }),
);

describe.concurrent('bfcache', () => {
  it(
    'a restored page goes on where it was, and every record arrives once',
    play(async ({ collector, open, site }) => {
      const page = await open();
      await page.evaluate(() => {
        window.addEventListener('pageshow', ({ persisted }) => {
          document.title = persisted ? 'restored' : 'loaded';
        });
      });
      await emit(page, names(5));
      await page.goto(`${site}/nothing`);
      await expectStored(collector, names(5));
      await page.goBack({ waitUntil: 'commit' });
      expect(await page.title()).toBe('restored');
      await emit(page, names(5, 's'));
      await expectStored(collector, [...names(5), ...names(5, 's')]);
      await expectSettled(page, { emitted: 10, acknowledged: 10 });
    }),
  );

  it(
    'a page of the site opened meanwhile is not held up by the frozen one',
    play(async ({ collector, open, site }) => {
      const page = await open();
      collector.fault = () => ({ kind: 'status', status: 503 });
      await emit(page, names(5));
      await page.waitForTimeout(1300);
      await page.goto(`${site}/?${new URLSearchParams({ endpoint: collector.endpoint })}`);
      await emit(page, names(5, 's'));
      await page.waitForTimeout(200);
      collector.fault = undefined;
      await expectStored(collector, [...names(5), ...names(5, 's')]);
      await expectSettled(page, {});
    }),
  );
});

describe.concurrent('hidden', () => {
  it(
    'beacons the tail at once and each chunk as it is sealed; visible again, one answer covers them all',
    play(async ({ collector, open }) => {
      const page = await open();
      await emit(page, names(5));
      await pretend(page, 'hidden');
      await expectStored(collector, names(5));
      await eventually(() =>
        expect(collector.arrivals.map(({ body }) => body[0])).toEqual(['{'.charCodeAt(0)]),
      );
      await emit(page, names(5, 's'));
      await expectStored(collector, [...names(5), ...names(5, 's')]);
      expect(await ledgerOf(page)).toMatchObject({ acknowledged: 0, pending: 10 });
      const sent = async () =>
        (await eventsOf(page)).flatMap(({ kind, transport }) => (kind === 'sent' ? [transport] : []));
      expect(new Set(await sent())).toEqual(new Set(['beacon']));
      await pretend(page, 'visible');
      await expectSettled(page, { acknowledged: 10 });
      expect((await sent()).filter((transport) => transport === 'fetch')).toHaveLength(1);
    }),
  );
});

describe.concurrent('prerender', () => {
  it(
    'sends nothing before the page is activated',
    play(async ({ collector, context, open }) => {
      await context.addInitScript(() => {
        Object.defineProperty(document, 'prerendering', { value: true, configurable: true });
      });
      const page = await open();
      await emit(page, names(5));
      await page.waitForTimeout(1500);
      expect(collector.arrivals).toHaveLength(0);
      await page.evaluate(() => {
        Object.defineProperty(document, 'prerendering', { value: false });
        document.dispatchEvent(new Event('prerenderingchange'));
      });
      await expectStored(collector, names(5));
    }),
  );
});
