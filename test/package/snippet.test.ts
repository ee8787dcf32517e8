import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser } from 'playwright';
import { build, createServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../chromium.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const environment = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
let project: string;
let browser: Browser;

/** The first TypeScript block of the README that imports `sonde`. */
async function snippetOf(readme: string): Promise<string> {
  const blocks = (await readFile(readme, 'utf8')).matchAll(/```ts\n(.*?)```/gs);
  const found = [...blocks].map(([, code = '']) => code).find((code) => code.includes("from 'sonde'"));
  if (found === undefined) throw new Error('README.md has no snippet that imports sonde');
  return found;
}

/** Somebody else's project: the packed tarball, a model of theirs, the snippet as written, no configuration. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'sonde-package-'));
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', project], { cwd: root });
  const tarball = (await readdir(project)).find((name) => name.endsWith('.tgz')) ?? '';
  await writeFile(join(project, 'package.json'), '{ "name": "shop", "private": true, "type": "module" }');
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], {
    cwd: project,
    env: environment,
  });
  await mkdir(join(project, 'public/models'), { recursive: true });
  await cp(join(root, 'public/models/shakespeare-gpt'), join(project, 'public/models/shakespeare-gpt'), {
    recursive: true,
  });
  await writeFile(join(project, 'main.ts'), await snippetOf(join(root, 'README.md')));
  await writeFile(
    join(project, 'index.html'),
    '<!doctype html><title>shop</title><body><script type="module" src="/main.ts"></script></body>',
  );
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await rm(project, { recursive: true });
});

/** Opens the page and waits until the snippet's last line has run. */
async function runSnippet(origin: string): Promise<{ text: string; elsewhere: string[]; errors: string[] }> {
  const page = await browser.newPage();
  const elsewhere: string[] = [];
  const errors: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && /^https?:/.test(request.url())) elsewhere.push(request.url());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(origin);
  const done = page.waitForFunction('/attention of .* tokens/.test(document.body.textContent)', null, {
    timeout: 150_000,
  });
  const failed = new Promise((resolve) => page.once('pageerror', resolve));
  await Promise.race([done, failed]);
  const text = await page.evaluate<string>('document.body.textContent');
  await page.close();
  return { text, elsewhere, errors };
}

describe('the snippet of the README, as written, from the packed tarball', () => {
  it('has at most ten lines', async () => {
    expect((await snippetOf(join(root, 'README.md'))).trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  });

  it('runs under a development server of Vite', async () => {
    const server = await createServer({
      root: project,
      configFile: false,
      logLevel: 'error',
      server: { host: '127.0.0.1', port: 0 },
    });
    await server.listen();
    const origin = server.resolvedUrls?.local[0] ?? '';
    const result = await runSnippet(origin);
    await server.close();
    expect(result.errors).toEqual([]);
    expect(result.text).toMatch(/attention of 4 heads over \d+ tokens/);
    expect(result.elsewhere).toEqual([]);
  });

  it('runs from a production build of Vite', async () => {
    await build({ root: project, configFile: false, logLevel: 'error' });
    const server = await preview({
      root: project,
      configFile: false,
      logLevel: 'error',
      preview: { host: '127.0.0.1', port: 0 },
    });
    const origin = server.resolvedUrls?.local[0] ?? '';
    const result = await runSnippet(origin);
    await server.close();
    expect(result.errors).toEqual([]);
    // Sixteen tokens, each with its probability, then the attention of every head.
    expect(result.text.match(/\(\d\.\d\d\)/g)).toHaveLength(16);
    expect(result.text).toMatch(/attention of 4 heads over \d+ tokens/);
    expect(result.elsewhere).toEqual([]);
  });
});

it('the command line runs from the packed tarball', async () => {
  const { stdout } = await run('npx', ['--no-install', 'sonde', 'verify', 'public/models/shakespeare-gpt'], {
    cwd: project,
    env: environment,
  });
  expect(stdout).toMatch(/ 0 failed/);
});
