import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { kill, launchOwn, type OwnChromium } from '../../own-chromium.ts';
import { type FaultyCollector, startCollector } from './collector.ts';
import { type Site, serveSite } from './site.ts';
import {
  countStored,
  emit,
  eventsOf,
  eventually,
  expectSettled,
  expectStored,
  names,
  visit,
} from './visit.ts';

let site: Site;
let collector: FaultyCollector;
let profile: string;

beforeAll(async () => {
  site = await serveSite();
});
afterAll(() => site.close());
beforeEach(async () => {
  collector = await startCollector(site.origin);
  profile = await mkdtemp(join(tmpdir(), 'sonde-profile-'));
});
afterEach(async () => {
  await Promise.all(launched.splice(0).map(kill));
  await collector.close();
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
});

const launched: OwnChromium[] = [];

async function launch(): Promise<OwnChromium> {
  const own = await launchOwn(profile);
  launched.push(own);
  return own;
}

async function open({ browser }: OwnChromium) {
  const [context] = browser.contexts();
  if (context === undefined) throw new Error('The browser has no context.');
  return visit(context, site.origin, collector.endpoint);
}

describe('SIGKILL, power loss', () => {
  it('what the journal held is there after the next visit, each record once', async () => {
    const first = await launch();
    const page = await open(first);
    await page.evaluate(() => window.harness.emitEvery(20, 'r'));
    await page.waitForTimeout(2500);
    const emitted = await page.evaluate(() => window.harness.emitted);
    await kill(first);
    const second = await launch();
    const next = await open(second);
    await eventually(async () =>
      expect((await countStored(collector, names(emitted))) / emitted).toBeGreaterThanOrEqual(0.95),
    );
    await expectSettled(next, {});
    console.log(`SIGKILL under load: ${await countStored(collector, names(emitted))} of ${emitted}`);
  });
});

describe('journal absent: storage blocked', () => {
  it('the records live in memory, the page is told, and they arrive', async () => {
    await mkdir(join(profile, 'Default'), { recursive: true });
    const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
    await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
    const own = await launch();
    const page = await open(own);
    const problem = await page.evaluate(async () => {
      try {
        await indexedDB.databases();
        return 'none';
      } catch (error) {
        return (error as DOMException).name;
      }
    });
    expect(problem).not.toBe('none');
    await emit(page, names(20));
    await expectStored(collector, names(20));
    await expectSettled(page, { acknowledged: 20 });
    expect((await eventsOf(page)).map(({ reason }) => reason)).toContain('storage_blocked');
    await emit(page, names(5, 's'));
    await page.goto('about:blank');
    await expectStored(collector, [...names(20), ...names(5, 's')]);
  });
});
