import type { Browser, BrowserContext, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchChromium } from '../../chromium.ts';
import type { Harness } from './page/main.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import { type Site, serveSite } from './site.ts';

declare global {
  interface Window {
    harness: Harness;
  }
}

let site: Site;
let browser: Browser;
let receiver: Receiver;
let context: BrowserContext;

beforeAll(async () => {
  [site, browser] = await Promise.all([serveSite(), launchChromium()]);
});
afterAll(async () => {
  await browser.close();
  await site.close();
});
beforeEach(async () => {
  receiver = await startReceiver();
  context = await browser.newContext();
});
afterEach(async () => {
  await context.close();
  receiver.close();
});

async function visit(parameters: Record<string, string> = {}): Promise<Page> {
  const page = await context.newPage();
  const query = new URLSearchParams({ endpoint: receiver.endpoint, ...parameters });
  await page.goto(`${site.origin}/?${query}`);
  return page;
}

const names = (count: number, prefix = 'r'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

const emit = (page: Page, ids: readonly string[]): Promise<void> =>
  page.evaluate((list) => window.harness.emit(list), ids);

const ledger = (page: Page) => page.evaluate(() => window.harness.ledger);

describe('while the page is visible', () => {
  it('sends what was emitted within two seconds, as gzip in text/plain with the key in the URL', async () => {
    const page = await visit();
    await emit(page, names(10));
    await expect.poll(() => receiver.stored.size, { timeout: 10_000 }).toBe(10);
    await expect.poll(() => ledger(page)).toEqual({ emitted: 10, acknowledged: 10, pending: 0, dropped: {} });
    expect(receiver.arrivals[0]).toMatchObject({
      gzip: true,
      contentType: 'text/plain',
      url: '/v1/logs?key=pk_test',
    });
  });
});

describe('when the page goes', () => {
  it('navigates away with 400 pending: everything is there after the next visit, nothing twice', async () => {
    const page = await visit();
    await emit(page, names(400));
    await page.goto('about:blank');
    await page.waitForTimeout(500);
    const atExit = receiver.stored.size;
    const next = await visit();
    await expect.poll(() => receiver.stored.size, { timeout: 10_000 }).toBe(400);
    await expect.poll(async () => (await ledger(next)).pending, { timeout: 10_000 }).toBe(0);
    console.log('navigate 400', atExit, receiver.stored.size, receiver.duplicates, await ledger(next));
  });
});
