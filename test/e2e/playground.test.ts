import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { csvFormatRows } from 'd3-dsv';
import type { Browser, Locator, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../chromium.ts';
import golden from '../unit/observe/calibration-golden.json' with { type: 'json' };
import { objections } from './axe.ts';
import { type RunningCollector, startCollector } from './collector.ts';
import { done, open, phase, run } from './page.ts';

let browser: Browser;
let collector: RunningCollector;
beforeAll(async () => {
  browser = await launchChromium();
  collector = await startCollector();
});
afterAll(async () => {
  await browser.close();
  await collector.close();
});

/** Film reviews of the corpus that the classifier was trained on, with their class. */
function reviews(part: 'pos' | 'neg', count: number, label: string): string[][] {
  const file = new URL(`../../training/corpus/sentence_polarity/rt-polarity.${part}`, import.meta.url);
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, count);
  return lines.map((line) => [line, label]);
}

describe('the first look at the page', () => {
  let page: Page;
  beforeAll(async () => {
    page = await browser.newPage();
    // A visitor who saves data: nothing is fetched beyond the recorded example until Run is pressed.
    await page.addInitScript(() => {
      Object.defineProperty(navigator, 'connection', { value: { saveData: true } });
    });
    await page.goto(`${collector.url}/?device=wasm`);
    await phase(page, 'recorded');
  });
  afterAll(() => page.close());

  it('shows a recorded example before any worker runs, and calls it one', async () => {
    expect(page.workers()).toEqual([]);
    await page.locator('#source', { hasText: 'Recorded example' }).waitFor();
    expect(await page.locator('sonde-tokens').getByRole('option').count()).toBeGreaterThan(10);
    expect(await page.getByRole('gridcell').count()).toBe(16);
  });

  it('shows a recording of the very model that is shipped', async () => {
    const recorded = await page.locator('#source').textContent();
    await run(page, undefined);
    const live = await page.locator('#source').textContent();
    const digest = /files ([0-9a-f]{12})/;
    expect(digest.exec(live ?? '')?.[1]).toBe(digest.exec(recorded ?? '')?.[1]);
  });
});

describe('the live page', () => {
  let page: Page;
  const complaints: string[] = [];
  beforeAll(async () => {
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await open(page, collector);
  });
  afterAll(() => page.close());

  it('goes live by itself and says where it runs', async () => {
    await page.locator('#source', { hasText: 'Live' }).waitFor();
    expect(await page.locator('sonde-badge').getByText('WASM').count()).toBe(1);
  });

  it('walks the tokens with the arrow keys and tells what each one was', async () => {
    const chosen = page.locator('sonde-tokens').getByRole('option', { selected: true });
    await chosen.focus();
    const before = await chosen.getAttribute('aria-label');
    await page.keyboard.press('ArrowRight');
    const after = await chosen.getAttribute('aria-label');
    expect(after).not.toBe(before);
    const confidence = /confidence ([\d.<]+)/.exec(after ?? '')?.[1] ?? 'none';
    await page.locator('sonde-token-detail').getByText(confidence, { exact: true }).first().waitFor();
    await page.keyboard.press('Home');
    await page.locator('sonde-token-detail').getByText('Given, not predicted').waitFor();
  });

  it('walks layers and heads with the arrow keys', async () => {
    await page.getByRole('gridcell', { selected: true }).focus();
    await page.keyboard.press('Control+Home');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    await page.getByRole('heading', { name: 'Layer 1, head 1' }).waitFor();
  });

  it('says the exact weight of a cell, and that later tokens are hidden', async () => {
    const map = page.getByRole('application');
    await map.focus();
    await page.keyboard.press('Control+Home');
    const said = page.locator('sonde-attention-map output');
    // The first token of a causal model can read only itself.
    expect(await settled(said)).toMatch(/at 0\s+attends to .*at 0\s+with weight\s+1\.0000/s);
    await page.keyboard.press('ArrowRight');
    expect(await settled(said)).toMatch(/cannot see/);
  });

  it('runs a classifier and says that its confidence is calibrated', async () => {
    await page.getByRole('radio', { name: /sentiment/ }).check();
    await run(page, 'a gorgeous, witty and tender film');
    await page.locator('sonde-classes').getByText('POSITIVE').first().waitFor();
    await page
      .locator('sonde-classes')
      .getByText(/Calibrated: logits were divided/)
      .waitFor();
    await page.getByRole('radio', { name: /shakespeare/ }).check();
  });

  it.each([
    ['typed', 'To be'],
    ['pasted', 'Now is the winter'],
    ['example', undefined],
  ] as const)('declares that a text was %s', async (origin, text) => {
    const field = page.getByLabel('Text', { exact: true });
    if (origin === 'example') await page.locator('#examples button').nth(2).click();
    else {
      await field.fill('');
      await field.focus();
      if (origin === 'typed') await field.pressSequentially(text ?? '');
      else await paste(field, text ?? '');
    }
    await run(page, undefined);
    await page.locator('sonde-provenance').getByText(origin, { exact: true }).waitFor();
  });

  it('counts the edits since a text was pasted', async () => {
    const field = page.getByLabel('Text', { exact: true });
    await field.fill('');
    await field.focus();
    await paste(field, 'Now is the winter');
    await field.press('End');
    await field.pressSequentially(' of');
    await run(page, undefined);
    const edits = page.locator('sonde-provenance').getByText('Edits since paste', { exact: true });
    await edits.waitFor();
    expect(await edits.evaluate((term) => term.nextElementSibling?.textContent?.trim())).toBe('3');
  });

  it('shows the calibration of the held-out split as netcal and MAPIE have it', async () => {
    const view = page.locator('sonde-reliability');
    await view.scrollIntoViewIfNeeded();
    const { before, conformal } = golden;
    await view.getByText(`${before.ece.toFixed(4)} (`).waitFor();
    await view.getByText(`held the true class in ${(100 * conformal.coverage).toFixed(1)} %`).waitFor();
    await view.getByText(/no larger than what a perfectly calibrated model would show/).waitFor();
  });

  it('calibrates on labelled texts of the reader, tells what that is worth, and forgets it', async () => {
    const view = page.locator('sonde-calibrate');
    const file = view.locator('input[type=file]');
    const choose = (name: string, content: string): Promise<void> =>
      file.setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(content) });
    await choose('bad.csv', 'text,label\nfine,POSITIVE\nwithout a label,');
    await view.getByText('bad.csv: Row 3 has no label.').waitFor();
    const rows = [...reviews('pos', 60, 'POSITIVE'), ...reviews('neg', 60, 'NEGATIVE')];
    await choose('mine.csv', csvFormatRows([['text', 'label'], ...rows]));
    await view.getByText('Fitted on 120 texts').first().waitFor();
    await view.getByRole('heading', { name: 'Calibrate sentiment on your own texts' }).waitFor();
    await view.getByText('sentiment on mine.csv, 120 texts').waitFor();
    await view.getByRole('button', { name: 'Forget this calibration' }).click();
    await view.getByText('Forgotten: the model’s own confidence counts again.').waitFor();
    expect(await view.getByText('In force:').count()).toBe(0);
  });

  it('notices that requests are no longer film reviews', async () => {
    const view = page.locator('sonde-drift');
    await view.getByText('shakespeare-gpt has no baseline.json in its folder').waitFor();
    await page.getByRole('button', { name: 'Feed 200 film reviews' }).click();
    await view.getByText(/No alarm in the last full window of 200 requests of sentiment/).waitFor();
    await page.getByRole('button', { name: 'Feed 200 lines of Shakespeare' }).click();
    await view.getByText(/alarms in the last full window.* Records count as anomalous/s).waitFor();
    await view.getByText('The statistics as numbers').click();
    await view.getByRole('row', { name: /^length\.psi .* 200 alarm$/ }).waitFor();
  });

  it('stops when it is told to, and keeps what was written', async () => {
    await page.getByText('Settings').click();
    await page.getByLabel('New tokens').fill('128');
    await page.getByRole('button', { name: 'Run', exact: true }).click();
    // Pressed within the page: on a busy machine the run would be over before another process could.
    await page.waitForFunction(() => {
      const isUnderWay =
        (document.querySelector('sonde-tokens') as unknown as { steps: unknown[] }).steps.length > 1;
      if (isUnderWay) document.querySelector<HTMLButtonElement>('#cancel')?.click();
      return isUnderWay;
    });
    await done(page);
    await page.getByText(/Stopped early: \d+ tokens written/).waitFor();
  });

  it('saves a request that it and the command line make again, and says what was changed in it', async () => {
    await page.getByLabel('New tokens').fill('4');
    await run(page, 'But soft, what light');
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save this request' }).click();
    const file = await (await downloading).path();
    const view = page.locator('sonde-replay');
    const input = view.getByLabel('Saved request', { exact: true });
    await input.setInputFiles(file);
    await view.getByText(/^Reproduced: same model files, same plan, the same 4 tokens/).waitFor();
    const told = await promisify(execFile)(process.execPath, [
      fileURLToPath(new URL('../../bin/sonde.js', import.meta.url)),
      'replay',
      file,
      '--model',
      fileURLToPath(new URL('../../public/models/shakespeare-gpt', import.meta.url)),
    ]);
    expect(told.stdout).toContain('Reproduced: same model files, same plan, the same 4 tokens');
    const saved = JSON.parse(await readFile(file, 'utf8'));
    const changed = JSON.stringify({ ...saved, input: 'To be, or not to be' });
    const name = 'changed.json';
    await input.setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(changed) });
    await view.getByText(/^Not reproduced: .*token 1 was/).waitFor();
    await input.setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from('{}') });
    await view.getByText(/no request that Sonde saved/).waitFor();
  });

  it('shows the bytes the collector received, and its answer', async () => {
    await page.getByLabel('New tokens').fill('4');
    await page.getByLabel(/Send masked telemetry/).check();
    await run(page, 'But soft, what light');
    await expect.poll(() => logsReceived().length, { timeout: 15_000 }).toBeGreaterThan(0);
    const shown = page.locator('sonde-payload [aria-label="Body decoded"]');
    await expect
      .poll(async () => JSON.parse((await shown.textContent()) || 'null') as unknown)
      .toEqual(JSON.parse(logsReceived().at(-1)?.body ?? '{}'));
    await page
      .locator('sonde-telemetry')
      .getByText(/HTTP 200: on disk by number: \d/)
      .first()
      .waitFor();
    await page.locator('sonde-ledger').getByText('The books balance.').waitFor();
  });

  const logsReceived = () => collector.received.filter(({ url }) => url.includes('/v1/logs'));

  it('said nothing to the console', () => {
    expect(complaints).toEqual([]);
  });
});

describe.each([
  ['light', 1440],
  ['dark', 1440],
  ['light', 360],
] as const)('in the %s scheme at %i pixels', (colorScheme, width) => {
  let page: Page;
  beforeAll(async () => {
    page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
    await open(page, collector);
  });
  afterAll(() => page.close());

  it('does not scroll sideways', async () => {
    const beyond = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth - clientWidth;
    });
    expect(beyond).toBe(0);
  });

  it('gives axe nothing to object to', async () => {
    await page.locator('sonde-reliability').scrollIntoViewIfNeeded();
    await page.getByText(/Prediction sets that promise/).waitFor();
    expect(await objections(page)).toEqual([]);
  });

  it('shows where the focus is, all the way through', async () => {
    await page.locator('body').press('Tab');
    for (let stop = 0; stop < 12; stop++) {
      const outline = await page.evaluate(() => {
        let element = document.activeElement;
        while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
        if (element === null) return 'none';
        return getComputedStyle(element).outlineStyle;
      });
      expect(outline).not.toBe('none');
      await page.keyboard.press('Tab');
    }
  });
});

/** The text of an element once two looks in a row agree. */
async function settled(element: Locator): Promise<string> {
  let last = '';
  await expect
    .poll(async () => {
      const before = last;
      last = (await element.textContent()) ?? '';
      return last !== '' && last === before;
    })
    .toBe(true);
  return last;
}

const paste = (field: Locator, text: string): Promise<void> =>
  field.evaluate((element, pasted) => {
    const area = element as HTMLTextAreaElement;
    area.value = pasted;
    area.dispatchEvent(new InputEvent('input', { inputType: 'insertFromPaste', bubbles: true }));
  }, text);
