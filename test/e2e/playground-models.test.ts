import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SondeAttention } from '../../src/elements/attention.ts';
import type { SondeTokens } from '../../src/elements/tokens.ts';
import { launchChromium } from '../chromium.ts';
import { startHub } from '../hub/hub.ts';
import { objections } from './axe.ts';
import { type RunningCollector, startCollector } from './collector.ts';
import { drop } from './drop.ts';
import { openQuiet, phase, run } from './page.ts';
import { withoutPolicy } from './unguarded.ts';

const zoo = (name: string): string => resolve('test/zoo', name);

let browser: Browser;
let collector: RunningCollector;
let page: Page;
beforeAll(async () => {
  browser = await launchChromium();
  collector = await startCollector();
});
afterAll(async () => {
  await browser.close();
  await collector.close();
});

const button = (name: string) => page.getByRole('button', { name, exact: true });
const selected = () => page.getByRole('treeitem', { selected: true });
const live = () => page.locator('#source', { hasText: 'Live' });

describe('a folder that is dropped', () => {
  beforeAll(async () => {
    page = await browser.newPage({ viewport: { width: 360, height: 800 }, colorScheme: 'dark' });
    await openQuiet(page, collector);
    await drop(page, zoo('t5'));
    await phase(page, 'loaded', 'failed');
  });
  afterAll(() => page.close());

  it('is loaded, both graphs of it, and called by its name', async () => {
    await page.getByText('t5 is loaded.').waitFor();
    await page.getByRole('radio', { name: 't5' }).waitFor();
    const facts = await page.locator('sonde-architecture .facts').textContent();
    expect(facts?.replace(/\s+/g, ' ')).toContain('encoder-decoder');
  });

  it('is walked by the keyboard, from the stacks down to a hook', async () => {
    await page.getByRole('treeitem').first().focus();
    await page.keyboard.press('Home');
    expect(await selected().getAttribute('data-path')).toBe('encoder');
    await page.keyboard.press('ArrowLeft');
    expect(await selected().getAttribute('aria-expanded')).toBe('false');
    await page.keyboard.press('ArrowDown');
    expect(await selected().getAttribute('aria-level')).toBe('1');
    await page.keyboard.press('ArrowUp');
    for (let step = 0; step < 3; step++) await page.keyboard.press('ArrowRight');
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    await page.keyboard.press('b');
    expect(await selected().getAttribute('data-path')).toBe('encoder.blocks');
    for (let step = 0; step < 3; step++) await page.keyboard.press('ArrowRight');
    expect(await selected().getAttribute('data-path')).toMatch(/^encoder\.blocks\.0\.\w+/);
  });

  it('is proved when asked: a badge on every hook, and the identities behind it', async () => {
    await button('Prove').click();
    await button('Prove again').waitFor({ timeout: 60_000 });
    const row = page.locator('[data-path="encoder.blocks.0.hook_resid_mid"]');
    expect(await row.textContent()).toMatch(/proved\s*$/);
    await row.click();
    await page.locator('sonde-hook-detail').getByText('resid_mid = resid_pre + attn_out').waitFor();
    const summary = await page.locator('sonde-architecture .summary').textContent();
    expect(summary?.replace(/\s+/g, ' ')).toMatch(/\d+ proved 0 inferred 0 unavailable/);
  });

  it('is compared when asked, until somebody stops that', async () => {
    await button('Compare devices and dtypes').click();
    await button('Stop comparing').click();
    await button('Compare devices and dtypes').waitFor();
    await page.locator('sonde-fidelity').getByText('no golden of this file lies beside it').waitFor();
  });

  it('leads from a hook to its node in the raw graph', async () => {
    await button('Show in the graph').first().click();
    const chosen = page.locator('sonde-graph-list').getByRole('option', { selected: true });
    await chosen.waitFor();
    const tensor = await page.locator('sonde-hook-detail code').last().textContent();
    await page.locator('sonde-graph-neighbours dd', { hasText: `raw:${tensor}` }).waitFor();
    await page.getByRole('searchbox').fill('softmax');
    await page
      .locator('sonde-graph')
      .getByText(/^\s*6 of \d+ nodes/)
      .waitFor();
    await page.getByRole('listbox', { name: 'Nodes of the graph' }).focus();
    await page.keyboard.press('Home');
    expect(await chosen.textContent()).toMatch(/Softmax/);
  });

  it('fits into 360 pixels and gives axe nothing to object to', async () => {
    const beyond = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth - clientWidth;
    });
    expect(beyond).toBe(0);
    expect(await objections(page)).toEqual([]);
  });

  it('is run over a text', async () => {
    await run(page, 'the quick brown fox');
    await live().waitFor();
    expect(await page.locator('sonde-tokens').getByRole('option').count()).toBeGreaterThan(2);
  });

  it('draws what its decoder reads of the input, with the tokens of the input on that axis', async () => {
    await page.getByText('Settings').click();
    await page.getByLabel('New tokens').fill('4');
    await page.getByLabel('Draw').selectOption('cross-attention');
    await run(page, 'the quick brown fox');
    await live().waitFor();
    const drawn = await page.locator('sonde-attention').evaluate((element) => {
      const { tokens, keyTokens, maps } = element as SondeAttention;
      const [layer] = maps?.layers ?? [];
      if (layer === undefined || 'unavailable' in layer) return undefined;
      const width = layer.dims[3] ?? 0;
      const rows = Array.from({ length: layer.data.length / width }, (_, row) =>
        layer.data.subarray(row * width, (row + 1) * width).reduce((sum, weight) => sum + weight, 0),
      );
      const unit = Math.max(...rows.map((sum) => Math.abs(sum - 1)));
      return { dims: layer.dims, queries: tokens.length, read: keyTokens?.map(({ text }) => text), unit };
    });
    const input = await page.locator('sonde-tokens').evaluate((element) => (element as SondeTokens).given);
    expect(drawn?.read).toEqual(input.map(({ text }) => text));
    expect(drawn?.dims).toEqual([1, 4, drawn?.queries, input.length]);
    expect(drawn?.unit).toBeLessThan(1e-5);
    const map = page.locator('sonde-attention-map').getByRole('application');
    await map.press('End');
    const readout = await page.locator('sonde-attention-map output').textContent();
    expect(readout).toMatch(new RegExp(`at \\d+ attends to .* at ${input.length - 1} with weight`, 's'));
    // Whose token comes before whose is no question between two texts.
    await page.locator('sonde-layers').getByRole('columnheader', { name: 'cross-attention adds' }).waitFor();
    expect(await page.locator('sonde-layers tr.first td').last().textContent()).toBe('–');
    expect(await objections(page)).toEqual([]);
  });
});

describe('models that read no text', () => {
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'sonde-drop-'));
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await openQuiet(page, collector);
  });
  afterAll(async () => {
    await page.close();
    await rm(scratch, { recursive: true });
  });

  it('are run over made-up input, and the reading says so', async () => {
    await drop(page, zoo('vit'));
    await page.getByText('vit is loaded.').waitFor();
    await page.getByText(/^pixel_values: float \[/).waitFor();
    await run(page, undefined);
    await live()
      .getByText(/over made-up input \(seeded noise/)
      .waitFor();
    expect(await objections(page)).toEqual([]);
  });

  it('are asked for token ids where a bare file came without a tokenizer', async () => {
    await page.getByText('Your own model').click();
    await page.locator('#single-files').setInputFiles(join(zoo('gpt2'), 'onnx/model.onnx'));
    await page.getByText('model is loaded.').waitFor();
    const field = page.getByRole('textbox', { name: 'Token ids' });
    await field.fill('5 6 x');
    await button('Run').click();
    await page.getByRole('alert').getByText('invalid_argument').waitFor();
    await field.fill('5 6 7');
    await button('Run').click();
    await live().waitFor();
    expect(await page.locator('sonde-tokens').getByRole('option').count()).toBe(3);
  });

  it('are none: the error has a name and a remedy, and the page goes on', async () => {
    const file = join(scratch, 'notes.onnx');
    await writeFile(file, 'not a model at all');
    await drop(page, file);
    await page.getByRole('alert').getByText('model_invalid').waitFor();
    await drop(page, zoo('bert-fused'));
    await page.getByText('bert-fused is loaded.').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });
});

it('fetches a hub id from a hub with redirects to another origin', async () => {
  const hub = await startHub({ 'tiny/llama': zoo('llama-gqa-genai') });
  // The collector's policy lets page and worker talk to the public hub at most; this hub stands in for it.
  const site = await withoutPolicy(collector.url);
  page = await browser.newPage();
  try {
    await openQuiet(page, { url: site.origin }, `device=wasm&hub=${encodeURIComponent(hub.origin)}`);
    await page.getByText('Your own model').click();
    await page.getByLabel('Hub id, or the address of a folder').fill('tiny/llama@v1');
    await page.keyboard.press('Enter');
    await page.getByText('tiny/llama@v1 is loaded.').waitFor({ timeout: 60_000 });
    expect(hub.asked.some(({ at, path }) => at === 'cdn' && path === 'onnx/model.onnx')).toBe(true);
    await page.getByLabel('Hub id, or the address of a folder').fill('tiny/nothing');
    await button('Fetch').click();
    await page.getByRole('alert').getByText('model_not_found').waitFor();
  } finally {
    await page.close();
    await site.close();
    await hub.close();
  }
});
