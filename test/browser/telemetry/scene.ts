import type { Browser, BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll } from 'vitest';
import { launchChromium } from '../../chromium.ts';
import { type FaultyCollector, startCollector } from './collector.ts';
import { type Site, serveSite } from './site.ts';
import { visit } from './visit.ts';

/** A collector and a browser profile of one test's own; tests of a file run side by side. */
export interface Scene {
  readonly collector: FaultyCollector;
  readonly context: BrowserContext;
  readonly site: string;
  /** A tab on the test page, `telemetry.consent` and the like as parameters. */
  open(parameters?: Readonly<Record<string, string>>): Promise<Page>;
}

export type Play = (run: (scene: Scene) => Promise<void>) => () => Promise<void>;

/** Serves the page and launches a browser once for the file. */
export function stage(launch: () => Promise<Browser> = launchChromium): Play {
  let site: Site;
  let browser: Browser;
  beforeAll(async () => {
    [site, browser] = await Promise.all([serveSite(), launch()]);
  });
  afterAll(async () => {
    await browser.close();
    await site.close();
  });
  return (run) => async () => {
    const collector = await startCollector(site.origin);
    const context = await browser.newContext();
    try {
      await run({
        collector,
        context,
        site: site.origin,
        open: (parameters) => visit(context, site.origin, collector.endpoint, parameters),
      });
    } finally {
      await context.close();
      await collector.close();
    }
  };
}
