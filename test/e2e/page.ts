import type { Page } from 'playwright';
import type { RunningCollector } from './collector.ts';

type Phase = 'recorded' | 'loading' | 'loaded' | 'running' | 'live' | 'stopped' | 'failed';

/** Waits until the page says it is there. */
export async function phase(page: Page, ...wanted: readonly Phase[]): Promise<void> {
  await page.waitForFunction(
    (phases) => (phases as string[]).includes(document.documentElement.dataset.phase ?? ''),
    [...wanted],
    { timeout: 120_000 },
  );
}

/** Opens the page on WASM and waits for its opening run. */
export async function open(page: Page, collector: RunningCollector, query = 'device=wasm'): Promise<void> {
  await page.goto(`${collector.url}/?${query}`);
  await phase(page, 'live', 'failed');
}

/** Waits until nothing runs any more. */
export const done = (page: Page): Promise<void> =>
  page.getByRole('button', { name: 'Stop', disabled: true }).waitFor({ timeout: 120_000 });

/** Presses Run, with that text or with what stands there, and waits for the end, good or bad. */
export async function run(page: Page, text: string | undefined): Promise<void> {
  if (text !== undefined) await page.getByLabel('Text', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await done(page);
}

/** Opens the page as a visitor who saves data: nothing runs until it is asked for. */
export async function openQuiet(
  page: Page,
  { url }: Pick<RunningCollector, 'url'>,
  query = 'device=wasm',
): Promise<void> {
  await page.addInitScript(() => {
    Object.defineProperty(navigator, 'connection', { value: { saveData: true } });
  });
  await page.goto(`${url}/?${query}`);
  await phase(page, 'recorded');
}
