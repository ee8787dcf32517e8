import { type Browser, type BrowserContext, chromium, type Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumFlags, chromiumPath } from '../../chromium.ts';
import { type FaultyCollector, startCollector } from './collector.ts';
import { type Site, serveSite } from './site.ts';
import { emit, eventsOf, expectSettled, expectStored, ledgerOf, names, visit } from './visit.ts';

let site: Site;
let browser: Browser;
let collector: FaultyCollector;
let context: BrowserContext;

beforeAll(async () => {
  site = await serveSite();
  browser = await chromium.launch({
    executablePath: await chromiumPath(),
    args: [...chromiumFlags],
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
});
afterAll(async () => {
  await browser.close();
  await site.close();
});
beforeEach(async () => {
  collector = await startCollector(site.origin);
  context = await browser.newContext();
});
afterEach(async () => {
  await context.close();
  await collector.close();
});

const open = (parameters: Record<string, string> = {}): Promise<Page> =>
  visit(context, site.origin, collector.endpoint, parameters);

/** Headless pages never turn hidden or prerendered by themselves: the state is set, the handlers are real. */
const pretend = (page: Page, state: 'hidden' | 'visible'): Promise<void> =>
  page.evaluate((value) => {
    Object.defineProperty(document, 'visibilityState', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);

describe('bfcache', () => {
  it('a restored page goes on where it was, and every record arrives once', async () => {
    const page = await open();
    await page.evaluate(() => {
      window.addEventListener('pageshow', ({ persisted }) => {
        document.title = persisted ? 'restored' : 'loaded';
      });
    });
    await emit(page, names(5));
    await page.goto(`${site.origin}/nothing`);
    await expectStored(collector, names(5), 3000);
    await page.goBack({ waitUntil: 'commit' });
    expect(await page.title()).toBe('restored');
    await emit(page, names(5, 's'));
    await expectStored(collector, [...names(5), ...names(5, 's')]);
    await expectSettled(page, { emitted: 10, acknowledged: 10 });
  });

  it('a page of the site opened meanwhile is not held up by the frozen one', async () => {
    const page = await open();
    collector.fault = () => ({ kind: 'status', status: 503 });
    await emit(page, names(5));
    await page.waitForTimeout(1300);
    await page.goto(`${site.origin}/?${new URLSearchParams({ endpoint: collector.endpoint })}`);
    await emit(page, names(5, 's'));
    await page.waitForTimeout(200);
    collector.fault = undefined;
    await expectStored(collector, [...names(5), ...names(5, 's')], 8000);
    await expectSettled(page, {});
  });
});

describe('hidden', () => {
  it('beacons the tail at once and each chunk as it is sealed; visible again, one answer covers them all', async () => {
    const page = await open();
    await emit(page, names(5));
    await pretend(page, 'hidden');
    await expectStored(collector, names(5), 900);
    await emit(page, names(5, 's'));
    await expectStored(collector, [...names(5), ...names(5, 's')]);
    expect(await ledgerOf(page)).toMatchObject({ acknowledged: 0, pending: 10 });
    const sent = async () =>
      (await eventsOf(page)).flatMap(({ kind, transport }) => (kind === 'sent' ? [transport] : []));
    expect(new Set(await sent())).toEqual(new Set(['beacon']));
    await pretend(page, 'visible');
    await expectSettled(page, { acknowledged: 10 });
    expect((await sent()).filter((transport) => transport === 'fetch')).toHaveLength(1);
  });
});

describe('prerender', () => {
  it('sends nothing before the page is activated', async () => {
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
    await expectStored(collector, names(5), 5000);
  });
});
