import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumFlags, chromiumPath } from '../../chromium.ts';
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

interface OwnBrowser {
  readonly browser: Browser;
  readonly process: ChildProcess;
}

const launched: OwnBrowser[] = [];

/** A Chromium whose process and profile belong to the test. */
async function launchOwn(): Promise<OwnBrowser> {
  const flags = [
    '--headless=new',
    '--remote-debugging-port=0',
    `--user-data-dir=${profile}`,
    '--disable-gpu',
  ];
  const child = spawn(await chromiumPath(), [...chromiumFlags, ...flags, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const address = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error('Chromium ended before it listened.')));
    child.stderr.on('data', (text: Buffer) => {
      const found = /listening on (ws:\S+)/.exec(text.toString());
      if (found?.[1] !== undefined) resolve(found[1]);
    });
  });
  const own = { browser: await chromium.connectOverCDP(address), process: child };
  launched.push(own);
  return own;
}

/** SIGKILL to the browser and all its processes, as a power cut would have it. Twice is harmless. */
async function kill({ process: child }: OwnBrowser): Promise<void> {
  if (child.pid === undefined || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}

async function open({ browser }: OwnBrowser) {
  const [context] = browser.contexts();
  if (context === undefined) throw new Error('The browser has no context.');
  return visit(context, site.origin, collector.endpoint);
}

describe('SIGKILL, power loss', () => {
  it('what the journal held is there after the next visit, each record once', async () => {
    const first = await launchOwn();
    const page = await open(first);
    await page.evaluate(() => window.harness.emitEvery(20, 'r'));
    await page.waitForTimeout(2500);
    const emitted = await page.evaluate(() => window.harness.emitted);
    await kill(first);
    const second = await launchOwn();
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
    const own = await launchOwn();
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
