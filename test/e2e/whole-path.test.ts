import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger } from '../../src/index.ts';
import { launchChromium } from '../chromium.ts';
import { type RunningCollector, sondeOutput, startCollector } from './collector.ts';

/** Things that must never arrive: each would be found by a search for itself in any byte. */
const canaries = [
  'Ottoline Quisenberry',
  'ottoline.quisenberry@example.org',
  '17 Zeppelin Crescent, Lower Dunswick',
  '4539 1488 0343 6467',
  '4539148803436467',
  'DE89370400440532013000',
  'sk-canary-9f8e7d6c5b4a39281706',
  '+44 20 7946 0958',
  'TheKingOfPentameter',
];

interface Stored {
  readonly kind: string;
  readonly service: { readonly name: string };
  readonly record: Readonly<Record<string, unknown>>;
}

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

const run = async (page: Page, text: string): Promise<void> => {
  await page.getByLabel('Text', { exact: true }).fill(text);
  // The page runs its first example by itself, on SwiftShader: that may take a while.
  await page.getByRole('button', { name: 'Run', exact: true }).click({ timeout: 120_000 });
  await page.getByRole('button', { name: 'Run', exact: true, disabled: false }).waitFor({ timeout: 120_000 });
};

/** The page on WASM with few tokens: what is tested is the record line, not the model's speed. */
async function openPlayground(collector: RunningCollector): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(collector.url);
  await page.getByText('Settings').click();
  await page.getByLabel('New tokens').fill('4');
  await page.getByLabel('Device').selectOption('wasm');
  return page;
}

/** The ledger as the page shows it. */
const books = (page: Page): Promise<Ledger | null> =>
  page
    .locator('sonde-ledger')
    .evaluate((element) => (element as HTMLElement & { ledger: Ledger | null }).ledger);

const exported = async (collector: RunningCollector): Promise<readonly string[]> =>
  (await sondeOutput('audit', 'export', '--data', collector.data)).split('\n').filter(Boolean);

describe.each([
  ['under cross-origin isolation', [], true],
  ['without cross-origin isolation', ['--no-isolation'], false],
] as const)('the whole path %s', (_name, argv, isolated) => {
  let collector: RunningCollector;
  let page: Page;
  const foreign: string[] = [];

  beforeAll(async () => {
    collector = await startCollector(...argv);
    page = await openPlayground(collector);
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== collector.url && protocol.startsWith('http')) foreign.push(request.url());
    });
  });
  afterAll(async () => {
    await page.close();
    await collector.close();
  });

  it('runs with as many threads as the page may have', async () => {
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(isolated);
  });

  it('stores, keys and sends nothing before consent', async () => {
    await run(page, `${canaries[0]} says`);
    await page.waitForTimeout(2500);
    expect(collector.received.filter(({ url }) => url.includes('/v1/'))).toEqual([]);
    const databases = await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
    expect(databases).toEqual([]);
  });

  it('brings the masked record of a run from the page to the log, and the answer back', async () => {
    await page.getByLabel(/Send masked telemetry/).check();
    await run(page, canaries.join(', '));
    await expect.poll(async () => (await exported(collector)).length, { timeout: 15_000 }).toBeGreaterThan(0);
    const [first] = (await exported(collector)).map((line) => JSON.parse(line) as Stored);
    expect(first?.service.name).toBe('sonde-playground');
    expect(first?.record).toMatchObject({
      operation: 'generate',
      outcome: 'ok',
      modelId: 'shakespeare-gpt',
      device: 'wasm',
      dtype: 'fp32',
      inputOrigin: 'typed',
      modelDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      planDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      inputDigest: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(first?.record).not.toHaveProperty('outputTokens');
    await expect
      .poll(() => books(page))
      .toMatchObject({ emitted: 2, acknowledged: 1, pending: 0, dropped: { no_consent: 1 } });
    expect(await sondeOutput('audit', 'verify', '--data', collector.data)).toMatch(/^intact: /m);
  });

  it('tells how far the device was off at the load, though that came before consent', async () => {
    const series =
      /^sonde_tier0_device_deviation_bucket\{model="shakespeare-gpt",device="wasm",dtype="fp32",le="0.0001"\} 1$/m;
    const metrics = async (): Promise<string> => (await fetch(`${collector.url}/metrics`)).text();
    await expect.poll(metrics, { timeout: 30_000 }).toMatch(series);
  });

  it('beacons what is unsent when the page is left', async () => {
    const before = (await exported(collector)).length;
    await run(page, canaries[1] ?? '');
    await page.goto('about:blank');
    await expect
      .poll(async () => (await exported(collector)).length, { timeout: 15_000 })
      .toBeGreaterThan(before);
    // A beacon is the only request of the page that is sent without CORS, and its body is text/plain.
    const beacons = collector.received.filter(
      ({ method, headers }) => method === 'POST' && /sec-fetch-mode\nno-cors/i.test(headers),
    );
    expect(beacons.length).toBeGreaterThan(0);
    for (const { headers } of beacons) expect(headers).toMatch(/content-type\ntext\/plain/i);
  });

  it('let no typed word through, in any byte the collector received', () => {
    const sent = collector.received.filter(({ method }) => method === 'POST');
    expect(sent.length).toBeGreaterThan(0);
    for (const { url, headers, body } of collector.received) {
      for (const canary of canaries) {
        for (const form of [canary, encodeURIComponent(canary), Buffer.from(canary).toString('base64')]) {
          expect(`${url}\n${headers}\n${body}`).not.toContain(form);
        }
      }
    }
  });

  it('asked no other origin for anything', () => {
    expect(foreign).toEqual([]);
  });
});

describe('a collector that is down', () => {
  it('leaves the page usable, and has every record once it is back', async () => {
    const collector = await startCollector();
    const page = await openPlayground(collector);
    await page.getByLabel(/Send masked telemetry/).check();
    await run(page, 'Before it goes down');
    await expect.poll(async () => (await books(page))?.acknowledged, { timeout: 15_000 }).toBe(1);
    await collector.kill('SIGKILL');
    await run(page, 'To be, or not to be');
    await run(page, 'Now is the winter');
    await expect.poll(async () => (await books(page))?.pending, { timeout: 15_000 }).toBe(2);
    await collector.restart();
    await page.reload();
    await expect
      .poll(async () => (await exported(collector)).length, { timeout: 30_000 })
      .toBeGreaterThanOrEqual(3);
    await page.close();
    await collector.close();
  });
});
