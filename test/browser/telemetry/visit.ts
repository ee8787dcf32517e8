import type { BrowserContext, Page } from 'playwright';
import { expect } from 'vitest';
import type { Ledger } from '../../../src/protocol/telemetry.ts';
import type { FaultyCollector } from './collector.ts';
import type { Harness } from './page/main.ts';

declare global {
  interface Window {
    harness: Harness;
  }
}

/** Opens the test page in a new tab. */
export async function visit(
  context: BrowserContext,
  site: string,
  endpoint: string,
  parameters: Readonly<Record<string, string>> = {},
): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${site}/?${new URLSearchParams({ endpoint, ...parameters })}`);
  return page;
}

export const names = (count: number, prefix = 'r'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

export const emit = (page: Page, ids: readonly string[], outcome: 'ok' | 'error' = 'ok'): Promise<void> =>
  page.evaluate(([list, how]) => window.harness.emit(list, how), [ids, outcome] as const);

export const ledgerOf = (page: Page): Promise<Ledger> => page.evaluate(() => window.harness.ledger);

export const eventsOf = (page: Page): Promise<readonly Record<string, unknown>[]> =>
  page.evaluate(() => window.harness.events);

export const sorted = (ids: Iterable<string>): string[] => [...ids].sort();

/** Waits until the collector's log holds exactly `ids`, each once. */
export async function expectStored(collector: FaultyCollector, ids: readonly string[], timeout = 15_000) {
  await expect
    .poll(async () => new Set(await collector.stored()).size, { timeout, interval: 100 })
    .toBeGreaterThanOrEqual(ids.length);
  expect(sorted(await collector.stored())).toEqual(sorted(ids));
}

/** Waits until nothing is owed any more, and checks that the ledger balances. */
export async function expectSettled(page: Page, ledger: Partial<Ledger>, timeout = 15_000): Promise<void> {
  await expect
    .poll(() => ledgerOf(page), { timeout, interval: 100 })
    .toMatchObject({ pending: 0, ...ledger });
  const { emitted, acknowledged, pending, dropped } = await ledgerOf(page);
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  expect(emitted).toBe(acknowledged + pending + lost);
}
