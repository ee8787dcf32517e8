import type { BrowserContext, Page } from 'playwright';
import { expect, vi } from 'vitest';
import type { Ledger } from '../../../src/protocol/telemetry.ts';
import type { Outcome } from '../../../src/schema/record.ts';
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

/** Requests that end: all are measured, every tenth is sent as a record. */
export const serve = (page: Page, count: number, outcome: Outcome = 'ok'): Promise<void> =>
  page.evaluate(([list, how]) => window.harness.serve(list, how), [names(count), outcome] as const);

export const ledgerOf = (page: Page): Promise<Ledger> => page.evaluate(() => window.harness.ledger);

export const eventsOf = (page: Page): Promise<readonly Record<string, unknown>[]> =>
  page.evaluate(() => window.harness.events);

/** Headless pages never turn hidden or prerendered by themselves: the state is set, the handlers are real. */
export const pretend = (page: Page, state: 'hidden' | 'visible'): Promise<void> =>
  page.evaluate((value) => {
    Object.defineProperty(document, 'visibilityState', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);

/** Kills the renderer and waits until it is gone. */
export async function crash(context: BrowserContext, page: Page): Promise<void> {
  const crashed = page.waitForEvent('crash');
  const session = await context.newCDPSession(page);
  session.send('Page.crash').catch(() => undefined);
  await crashed;
}

/** Entries of one store of the journal, whoever's; none while there is no journal, and looking makes none. */
export const journalled = (page: Page, store: 'logs' | 'holds' = 'logs'): Promise<number> =>
  page.evaluate(
    (name) =>
      new Promise<number>((resolve, reject) => {
        const opening = indexedDB.open('sonde-journal');
        let isMissing = false;
        opening.onupgradeneeded = () => {
          isMissing = true;
          opening.transaction?.abort();
        };
        opening.onerror = () => (isMissing ? resolve(0) : reject(opening.error));
        opening.onsuccess = () => {
          const counting = opening.result.transaction(name).objectStore(name).count();
          counting.onsuccess = () => {
            opening.result.close();
            resolve(counting.result);
          };
        };
      }),
    store,
  );

const sorted = (ids: Iterable<string>): string[] => [...ids].sort();

/** Tries `check` again until it no longer throws: the machine may be slow, the outcome is what counts. */
export const eventually = (check: () => Promise<void> | void): Promise<void> =>
  vi.waitFor(check, { timeout: 60_000, interval: 100 });

/** Waits until the collector's log holds exactly `ids`, each once. */
export const expectStored = (collector: FaultyCollector, ids: readonly string[]): Promise<void> =>
  eventually(async () => expect(sorted(await collector.stored())).toEqual(sorted(ids)));

/** How many of `ids` the collector's log holds; fails if it holds a record twice. */
export async function countStored(collector: FaultyCollector, ids: readonly string[]): Promise<number> {
  const stored = await collector.stored();
  const distinct = new Set(stored);
  expect(stored).toHaveLength(distinct.size);
  return ids.filter((id) => distinct.has(id)).length;
}

/** Waits until exactly these requests are counted in the log, by outcome, and no measurement is owed. */
export async function expectCounted(
  collector: FaultyCollector,
  page: Page,
  requests: Readonly<Record<string, number>>,
): Promise<void> {
  await eventually(async () => expect(await collector.requests()).toEqual(requests));
  await eventually(async () => expect((await ledgerOf(page)).metrics.pending).toBe(0));
  expect(await collector.requests()).toEqual(requests);
}

/** Waits until nothing is owed any more, and checks that the ledger balances. */
export async function expectSettled(page: Page, ledger: Partial<Ledger>): Promise<void> {
  await eventually(async () => expect(await ledgerOf(page)).toMatchObject({ pending: 0, ...ledger }));
  const { emitted, acknowledged, pending, dropped } = await ledgerOf(page);
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  expect(emitted).toBe(acknowledged + pending + lost);
}
