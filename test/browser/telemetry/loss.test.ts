import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import { stage } from './scene.ts';
import {
  countStored,
  crash,
  emit,
  eventsOf,
  eventually,
  expectSettled,
  expectStored,
  journalled,
  ledgerOf,
  names,
} from './visit.ts';

const play = stage();

/** An address nobody answers at: Chromium refuses the port. */
const nowhere = 'http://127.0.0.1:9';

const databases = (page: Page): Promise<readonly (string | undefined)[]> =>
  page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));

describe.concurrent('renderer crash', () => {
  it(
    'the tail comes by fetchLater, without another visit',
    play(async ({ collector, context, open }) => {
      const page = await open();
      await emit(page, names(10));
      // Longer than fetchLater needs to be armed, shorter than the worker waits before it seals.
      await page.waitForTimeout(300);
      await crash(context, page);
      await expectStored(collector, names(10));
    }),
  );

  it(
    'under steady load: all there after the next visit, each once',
    play(async ({ collector, context, open }) => {
      const page = await open();
      await page.evaluate(() => window.harness.emitEvery(20, 'r'));
      await page.waitForTimeout(2500);
      const emitted = await page.evaluate(() => window.harness.emitted);
      await crash(context, page);
      const next = await open();
      await eventually(async () =>
        expect((await countStored(collector, names(emitted))) / emitted).toBeGreaterThanOrEqual(0.98),
      );
      await expectSettled(next, {});
      console.log(`crash under load: ${await countStored(collector, names(emitted))} of ${emitted}`);
    }),
  );
});

describe.concurrent('offline', () => {
  it(
    'close and reopen: the journal of the last visit is sent, each record once',
    play(async ({ collector, context, open }) => {
      const page = await open();
      await context.setOffline(true);
      await emit(page, names(30));
      await page.waitForTimeout(1500);
      await Promise.all([page.waitForEvent('close'), page.close({ runBeforeUnload: true })]);
      await context.setOffline(false);
      expect(await collector.stored()).toEqual([]);
      const next = await open();
      await expectStored(collector, names(30));
      await expectSettled(next, { emitted: 30, acknowledged: 30 });
    }),
  );
});

describe.concurrent('blocked', () => {
  it(
    'says so after three requests without an answer, and goes on when one comes',
    play(async ({ collector, open }) => {
      const page = await open();
      collector.fault = () => ({ kind: 'drop' });
      await emit(page, names(5));
      const blocked = async () =>
        (await eventsOf(page)).filter(({ kind }) => kind === 'trouble').map((e) => e.blocked);
      await eventually(async () => expect((await blocked()).slice(0, 3)).toEqual([false, false, true]));
      collector.fault = undefined;
      await expectStored(collector, names(5));
    }),
  );
});

describe.concurrent('consent', () => {
  it(
    'pending: nothing is stored or sent, and what was made is counted',
    play(async ({ collector, open }) => {
      const page = await open({ consent: 'pending' });
      await emit(page, names(5));
      await page.waitForTimeout(1500);
      expect(await databases(page)).toEqual([]);
      expect(await ledgerOf(page)).toMatchObject({
        emitted: 5,
        acknowledged: 0,
        pending: 0,
        dropped: { no_consent: 5 },
      });
      await page.evaluate(() => window.harness.setConsent('granted'));
      await emit(page, names(3, 's'));
      await expectStored(collector, names(3, 's'));
    }),
  );

  it(
    'withdrawn: the journal is deleted and counted, nothing more leaves; granted anew: another session',
    play(async ({ collector, open }) => {
      const page = await open();
      await emit(page, names(2));
      await expectSettled(page, { acknowledged: 2 });
      collector.fault = () => ({ kind: 'status', status: 503 });
      await emit(page, names(6, 's'));
      await page.waitForTimeout(1300);
      expect(await databases(page)).toEqual(['sonde-journal']);
      await page.evaluate(() => window.harness.setConsent('denied'));
      expect(await databases(page)).toEqual([]);
      expect(await ledgerOf(page)).toMatchObject({
        emitted: 8,
        acknowledged: 2,
        pending: 0,
        dropped: { consent_withdrawn: 6 },
      });
      collector.fault = undefined;
      const before = collector.arrivals.length;
      await emit(page, names(1, 'u'));
      await page.waitForTimeout(1500);
      expect(collector.arrivals).toHaveLength(before);
      await page.evaluate(() => window.harness.setConsent('granted'));
      await emit(page, names(2, 't'));
      await expectStored(collector, [...names(2), ...names(2, 't')]);
      const sessions = collector.arrivals.map(
        ({ text }) => /"sonde.session","value":\{"stringValue":"(\w+)"/.exec(text)?.[1],
      );
      expect(sessions.at(-1)).not.toBe(sessions[0]);
    }),
  );

  it(
    'Global Privacy Control: granted counts as denied',
    play(async ({ collector, context, open }) => {
      await context.addInitScript(() => {
        Object.defineProperty(navigator, 'globalPrivacyControl', { value: true });
      });
      const page = await open();
      await emit(page, names(3));
      await page.waitForTimeout(1300);
      expect(collector.arrivals).toHaveLength(0);
      expect(await databases(page)).toEqual([]);
      expect(await ledgerOf(page)).toMatchObject({ dropped: { consent_denied: 3 }, pending: 0 });
    }),
  );
});

describe.concurrent('journal full', () => {
  it(
    'evicts normal before anomalous, oldest first, and counts what it evicts',
    play(async ({ collector, open }) => {
      const page = await open({ endpoint: nowhere });
      await emit(page, names(5, 'wrong'), 'error');
      await emit(page, names(4195));
      await eventually(async () => expect(await journalled(page)).toBe(4000));
      expect(await ledgerOf(page)).toMatchObject({
        emitted: 4200,
        pending: 4000,
        dropped: { journal_full: 200 },
      });
      await page.close();
      const next = await open();
      await expectSettled(next, { emitted: 4000, acknowledged: 4000 });
      expect(await countStored(collector, names(5, 'wrong'))).toBe(5);
      expect(await countStored(collector, names(4195))).toBe(3995);
      expect(await countStored(collector, names(4195).slice(2000))).toBe(2195);
    }),
  );

  it(
    'what many visits left is bounded too: the oldest visit gives way',
    play(async ({ collector, open }) => {
      const tabs = [await open({ endpoint: nowhere }), await open({ endpoint: nowhere })];
      for (const [index, tab] of tabs.entries()) {
        await emit(tab, names(2, `wrong${index}`), 'error');
        await emit(tab, names(2198, `tab${index}-`));
        await eventually(async () => expect(await journalled(tab)).toBe(2200 * (index + 1)));
      }
      await Promise.all(tabs.map((tab) => tab.close()));
      const next = await open();
      await expectSettled(next, { emitted: 4400, acknowledged: 4000, dropped: { journal_full: 400 } });
      expect(await countStored(collector, [...names(2, 'wrong0'), ...names(2, 'wrong1')])).toBe(4);
      expect(await countStored(collector, names(2198, 'tab0-'))).toBe(1798);
      expect(await countStored(collector, names(2198, 'tab1-'))).toBe(2198);
    }),
  );

  it(
    'the records stay in memory, are told of, and arrive',
    play(async ({ collector, context, open, site }) => {
      const page = await open();
      const session = await context.newCDPSession(page);
      await session.send('Storage.overrideQuotaForOrigin', { origin: site, quotaSize: 1 });
      collector.fault = () => ({ kind: 'status', status: 503 });
      await emit(page, names(20));
      await eventually(async () =>
        expect((await eventsOf(page)).map(({ reason }) => reason)).toContain('journal_full'),
      );
      collector.fault = undefined;
      await expectStored(collector, names(20));
      await expectSettled(page, { acknowledged: 20 });
    }),
  );
});

describe.concurrent('several tabs', () => {
  it(
    'one of them drains what an earlier visit left; each sends its own',
    play(async ({ collector, open }) => {
      const first = await open({ endpoint: nowhere });
      await emit(first, names(120));
      await eventually(async () => expect(await journalled(first)).toBe(120));
      await first.close();
      const [left, right] = await Promise.all([open(), open()]);
      await emit(left, names(5, 'left'));
      await emit(right, names(5, 'right'));
      await expectStored(collector, [...names(120), ...names(5, 'left'), ...names(5, 'right')]);
      await expectSettled(left, {});
      await expectSettled(right, {});
      const sent = collector.arrivals.reduce((sum, { records }) => sum + records, 0);
      expect(sent).toBe(130);
    }),
  );
});

describe.concurrent('a worker that dies', () => {
  it(
    'is replaced: its records arrive once, under a new epoch what follows',
    play(async ({ collector, open }) => {
      const page = await open();
      await emit(page, names(30));
      await page.evaluate(() => window.harness.replaceWorker());
      await emit(page, names(5, 's'));
      await expectStored(collector, [...names(30), ...names(5, 's')]);
      await expectSettled(page, {});
    }),
  );
});

describe.concurrent('kill and the off switch', () => {
  it(
    'kill: nothing more leaves, what was pending is deleted and counted',
    play(async ({ collector, open }) => {
      const page = await open();
      collector.fault = () => ({ kind: 'status', status: 503 });
      await emit(page, names(5));
      await page.evaluate(() => window.harness.kill());
      collector.fault = undefined;
      await emit(page, names(2, 's'));
      await eventually(async () => expect(await databases(page)).toEqual([]));
      expect(await ledgerOf(page)).toMatchObject({
        emitted: 7,
        acknowledged: 0,
        pending: 0,
        dropped: { killed: 7 },
      });
      await page.waitForTimeout(1300);
      expect(await collector.stored()).toEqual([]);
    }),
  );

  it(
    'the operator can switch it off with an answer',
    play(async ({ collector, open }) => {
      const page = await open();
      collector.fault = () => ({ kind: 'status', status: 200, body: '{"policy":{"off":true}}' });
      await emit(page, names(2));
      await expectSettled(page, { acknowledged: 2 });
      await emit(page, names(2, 's'));
      await page.waitForTimeout(1300);
      expect(collector.arrivals).toHaveLength(1);
      expect(await ledgerOf(page)).toMatchObject({ pending: 0, dropped: { switched_off: 2 } });
    }),
  );
});
