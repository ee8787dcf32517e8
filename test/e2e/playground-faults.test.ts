import type { Browser, BrowserContext, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchChromium } from '../chromium.ts';
import { type RunningCollector, startCollector } from './collector.ts';
import { done, open, openQuiet, phase, run } from './page.ts';

let browser: Browser;
let collector: RunningCollector;
let context: BrowserContext;
let page: Page;
beforeAll(async () => {
  browser = await launchChromium();
  collector = await startCollector();
});
afterAll(async () => {
  await browser.close();
  await collector.close();
});
beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(() => context.close());

const alertText = async (): Promise<string> => (await page.getByRole('alert').textContent()) ?? '';

/** After any fault the next run must bring a live reading. */
async function expectUsable(): Promise<void> {
  await run(page, 'To be, or not to be');
  await page.locator('#source', { hasText: 'Live' }).waitFor();
  expect(await page.getByRole('alert').count()).toBe(0);
}

const fewTokens = async (count = '4'): Promise<void> => {
  await page.getByText('Settings').click();
  await page.getByLabel('New tokens').fill(count);
};

describe('input the model cannot take', () => {
  it('is refused in words when it is empty', async () => {
    await open(page, collector);
    await fewTokens();
    await run(page, '');
    expect(await alertText()).toContain('empty_input');
    await expectUsable();
  });

  it('is cut to the context, and the page says so', async () => {
    await open(page, collector);
    await fewTokens();
    await run(page, 'Once more unto the breach, dear friends, once more. '.repeat(60));
    await page.getByText('The text was longer than the model can read.').waitFor();
    await page.locator('sonde-provenance').getByText('yes, it was longer than the context').waitFor();
  });
});

describe('a model that does not come', () => {
  it('leaves the recorded example on screen, and is tried again by Run', async () => {
    await page.route('**/models/shakespeare-gpt/onnx/**', (route) => route.abort());
    await open(page, collector);
    await phase(page, 'failed');
    expect(await alertText()).not.toBe('');
    await page.locator('#source', { hasText: 'Recorded example' }).waitFor();
    await page.unroute('**/models/shakespeare-gpt/onnx/**');
    await fewTokens();
    await expectUsable();
  });

  it('is said so when the recorded example is missing, and the page goes live all the same', async () => {
    await page.route('**/examples/**', (route) => route.fulfill({ status: 404 }));
    await page.goto(`${collector.url}/?device=wasm`);
    await phase(page, 'live');
    await page.locator('#source', { hasText: 'Live' }).waitFor();
  });
});

describe('a machine that gives way', () => {
  it('says that the worker ended, and starts another with the next run', async () => {
    await open(page, collector);
    await fewTokens('128');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    await phase(page, 'running');
    // Uncaught in the worker, as an out-of-memory error would be.
    await page.workers()[0]?.evaluate(() => {
      setTimeout(() => {
        throw new Error('crash for a test');
      });
    });
    await done(page);
    expect(await alertText()).toContain('worker_failed');
    await page.getByLabel('New tokens').fill('4');
    await expectUsable();
  });

  it('writes as much in a tab that is frozen in the middle, beside another that runs', async () => {
    const texts = await Promise.all(
      [page, await context.newPage()].map(async (tab, at) => {
        await openQuiet(tab, collector);
        await tab.getByText('Settings').click();
        await tab.getByLabel('New tokens').fill('40');
        await tab.getByRole('button', { name: 'Run', exact: true }).click();
        if (at === 0) {
          await tab.locator('sonde-tokens .token.made').nth(2).waitFor({ timeout: 60_000 });
          const control = await context.newCDPSession(tab);
          await control.send('Page.setWebLifecycleState', { state: 'frozen' });
          await new Promise((resolve) => setTimeout(resolve, 1000));
          await control.send('Page.setWebLifecycleState', { state: 'active' });
        }
        await phase(tab, 'live', 'failed');
        return tab.locator('sonde-tokens .token.made').allTextContents();
      }),
    );
    expect(texts[0]).toHaveLength(40);
    expect(texts[0]).toEqual(texts[1]);
  });

  it('says that the graphics device was lost in the middle of a generation, and recovers', async () => {
    await page.goto(`${collector.url}/?device=webgpu`);
    await phase(page, 'running', 'live', 'failed');
    const control = await browser.newBrowserCDPSession();
    await control.send('Browser.crashGpuProcess').catch(() => undefined);
    await phase(page, 'failed', 'live');
    if ((await page.locator('html').getAttribute('data-phase')) === 'failed')
      expect(await alertText()).toMatch(/device_lost|run_failed|worker_failed/);
    await page.getByText('Settings').click();
    await page.getByLabel('New tokens').fill('2');
    await page.getByLabel('Device').selectOption('wasm');
    await expectUsable();
  });
});

describe('telemetry that cannot flow', () => {
  it('says that storage is blocked, and runs on', async () => {
    await page.addInitScript(() => {
      const refuse = (): never => {
        throw new DOMException('blocked for a test', 'SecurityError');
      };
      Object.defineProperty(globalThis, 'localStorage', { get: refuse });
    });
    await open(page, collector);
    await fewTokens();
    await page.getByLabel(/Send masked telemetry/).check();
    await page
      .getByText(/blocks storage/)
      .first()
      .waitFor();
    await expectUsable();
  });

  it('keeps the records while the collector is down, and says so', async () => {
    await open(page, collector);
    await fewTokens();
    await page.route('**/v1/logs*', (route) => route.abort());
    await page.getByLabel(/Send masked telemetry/).check();
    await run(page, 'Now is the winter');
    await page
      .getByText(/The collector did not answer/)
      .first()
      .waitFor({ timeout: 15_000 });
    await page.locator('sonde-ledger').getByText('The books balance.').waitFor();
  });

  it('sends nothing more once consent is withdrawn', async () => {
    await open(page, collector);
    await fewTokens();
    const box = page.getByLabel(/Send masked telemetry/);
    await box.check();
    await run(page, 'Now is the winter');
    await page
      .locator('sonde-telemetry')
      .getByText('answer', { exact: true })
      .first()
      .waitFor({ timeout: 15_000 });
    await box.uncheck();
    await page.getByText('Nothing is stored, keyed or sent.', { exact: true }).waitFor();
    const before = collector.received.filter(({ url }) => url.includes('/v1/logs')).length;
    await run(page, 'of our discontent');
    await page.waitForTimeout(2500);
    expect(collector.received.filter(({ url }) => url.includes('/v1/logs')).length).toBe(before);
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
  });
});
