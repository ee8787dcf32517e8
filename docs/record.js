/**
 * Records what the running page shows: public/examples/*.json (each model's first example, saved by the page
 * itself) and docs/images/*.png. Run it after a build, and again whenever a model changes:
 *   npm run build && node docs/record.js [examples|images]
 * The examples lie in the built page, so build once more after recording them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { chromiumFlags, chromiumPath } from '../dist/src/cli/chromium.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = process.argv[2] ?? 'examples images';

async function startCollector() {
  const data = await mkdtemp(join(tmpdir(), 'sonde-record-'));
  const child = spawn(process.execPath, ['bin/sonde.js', 'collect', '--port', '0', '--data', data], { cwd: root });
  const url = await new Promise((resolve, reject) => {
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
      const address = /Playground: (\S+)/.exec(said)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once('exit', (code) => reject(new Error(`The collector ended with ${code}.`)));
  });
  const close = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    await rm(data, { recursive: true, force: true });
  };
  return { url, close };
}

const phase = (page, name) =>
  page.waitForFunction((wantedPhase) => document.documentElement.dataset.phase === wantedPhase, name, {
    timeout: 120_000,
  });

async function runExample(page, model) {
  await page.locator(`input[value=${model}]`).check();
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.waitForFunction(() => document.documentElement.dataset.phase !== 'live');
  await phase(page, 'live');
}

async function recordExamples(browser, url) {
  const page = await browser.newPage();
  await page.goto(`${url}?device=wasm`);
  await phase(page, 'live');
  for (const model of ['sentiment', 'shakespeare-gpt']) {
    await runExample(page, model);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save reading' }).click();
    await (await download).saveAs(join(root, 'public/examples', `${model}.json`));
    process.stdout.write(`public/examples/${model}.json\n`);
  }
  await page.close();
}

/** One picture: what of the page, how wide, in which scheme, and what happens before. */
const images = [
  { name: 'playground-light', scheme: 'light', width: 1440, height: 1180 },
  { name: 'playground-dark', scheme: 'dark', width: 1440, height: 1180 },
  { name: 'playground-narrow', scheme: 'light', width: 360, height: 1400, scrollTo: '#reading' },
  { name: 'attention', scheme: 'light', width: 1440, height: 900, of: '#attention', act: chooseInductionHead },
  { name: 'residual', scheme: 'light', width: 1440, height: 900, of: '#residual' },
  { name: 'architecture', scheme: 'light', width: 1440, height: 900, of: '#architecture', act: prove },
  { name: 'telemetry', scheme: 'dark', width: 1440, height: 900, of: '#telemetry', act: sendOne },
];

async function chooseInductionHead(page) {
  await page.getByRole('gridcell', { name: 'layer 1, head 0' }).click();
}

async function prove(page) {
  await page.getByRole('button', { name: 'Prove', exact: true }).click();
  await page.getByRole('button', { name: 'Prove again' }).waitFor({ timeout: 120_000 });
  await page.getByRole('button', { name: 'Show the raw graph' }).click();
  await page.locator('sonde-graph').getByText('layers').first().waitFor();
}

async function sendOne(page) {
  await page.getByLabel(/Send masked telemetry/).check();
  await runExample(page, 'shakespeare-gpt');
  await page.locator('#telemetry').getByText('answer', { exact: true }).waitFor({ timeout: 30_000 });
}

async function takeImages(browser, url) {
  for (const { name, scheme, width, height, of, scrollTo, act } of images) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
    await page.goto(`${url}?device=wasm`);
    await phase(page, 'live');
    await act?.(page);
    if (scrollTo) await page.locator(scrollTo).evaluate((element) => element.scrollIntoView());
    await page.waitForTimeout(1000);
    const path = join(root, 'docs/images', `${name}.png`);
    await (of ? page.locator(of) : page).screenshot({ path });
    process.stdout.write(`docs/images/${name}.png\n`);
    await page.close();
  }
}

const collector = await startCollector();
const browser = await chromium.launch({ executablePath: await chromiumPath(), args: [...chromiumFlags] });
try {
  if (wanted.includes('examples')) await recordExamples(browser, collector.url);
  if (wanted.includes('images')) await takeImages(browser, collector.url);
} finally {
  await browser.close();
  await collector.close();
}
