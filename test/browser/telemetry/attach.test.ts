import type { Browser, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { launchChromium } from '../../chromium.ts';
import type { Application } from './attach/main.ts';
import { type FaultyCollector, startCollector } from './collector.ts';
import { type Site, serveSite } from './site.ts';
import { eventually } from './visit.ts';

declare global {
  interface Window {
    application: Application;
  }
}

let site: Site;
let browser: Browser;
let collector: FaultyCollector;
let page: Page;

/** An application's production build: transformers.js and Sonde must find one runtime in it. */
beforeAll(async () => {
  [site, browser] = await Promise.all([serveSite('./attach', '../../pipelines'), launchChromium()]);
});
afterAll(async () => {
  await browser.close();
  await site.close();
});
beforeEach(async () => {
  collector = await startCollector(site.origin);
  page = await browser.newPage();
});
afterEach(async () => {
  await page.close();
  await collector.close();
});

const visit = (parameters: Readonly<Record<string, string>>): Promise<unknown> =>
  page.goto(`${site.origin}/?${new URLSearchParams({ endpoint: collector.endpoint, ...parameters })}`);

const ask = (text: string): Promise<unknown> => page.evaluate((words) => window.application.ask(words), text);

const recorded = (): Promise<void> =>
  eventually(async () => expect(await page.evaluate(() => window.application.kinds)).toContain('record'));

const attribute = (key: string, value: object): string => JSON.stringify({ key, value });

it('a pipeline in a worker: its record leaves with the page, and its messages stay its own', async () => {
  await visit({ worker: '' });
  const text = 'the king lives in rome';
  expect(await ask(text)).toMatchObject({ asked: text, answer: expect.any(Array) });
  expect(await page.evaluate(() => window.application.answers.length)).toBe(1);
  await recorded();
  await page.goto('about:blank');
  await eventually(async () => expect(await collector.stored()).toHaveLength(1));
  const sent = collector.arrivals.map((arrival) => arrival.text).join('\n');
  expect(sent).toContain(attribute('gen_ai.operation.name', { stringValue: 'classify' }));
  expect(sent).toContain(attribute('service.name', { stringValue: 'shop' }));
  expect(sent).toContain(attribute('sonde.device.kind', { stringValue: 'wasm' }));
  expect(sent).not.toContain('king');
});

it('a pipeline on the page: both halves of the telemetry run there', async () => {
  await visit({});
  await ask('the king lives in rome');
  await recorded();
  await eventually(async () => expect(await collector.stored()).toEqual(['asked-1']));
  await eventually(async () => {
    const ledger = await page.evaluate(() => window.application.ledger());
    expect(ledger).toMatchObject({ emitted: 1, acknowledged: 1, pending: 0 });
  });
  expect(collector.arrivals.map((arrival) => arrival.text).join('\n')).toContain(
    attribute('sonde.cohort', { stringValue: 'b' }),
  );
});
