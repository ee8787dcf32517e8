import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { build } from 'vite';
import { chromiumFlags, chromiumPath } from '../../src/cli/chromium.ts';
import { serveFolders } from '../../src/cli/serve.ts';
import { table } from '../bench/table.ts';
import { type Cycle, slopeOf } from './cycles.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const devices = ['webgpu', 'wasm'] as const;

/** Caches fill, pipelines compile, levels take their first turns. */
const warmUp = 10;

const growth = (values: readonly number[]): string =>
  `${values[0]} → ${values.at(-1)}, ${slopeOf(values).toFixed(2)} a cycle`;

/** Models that come and go in one worker: what is left behind, a cycle. Asserts nothing. */
export async function soakLeaks([count = '200']: readonly string[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-soak-'));
  await build({
    root: fileURLToPath(new URL('.', import.meta.url)),
    configFile: false,
    logLevel: 'error',
    worker: { format: 'es' },
    build: { outDir: folder, emptyOutDir: true },
  });
  const server = await serveFolders({ '/': folder, '/zoo/': join(root, 'test/zoo') });
  const browser = await chromium.launch({ executablePath: await chromiumPath(), args: [...chromiumFlags] });
  const rows: string[][] = [];
  for (const device of devices) {
    const page = await browser.newPage();
    page.on('console', (message) => {
      if (message.type() === 'log') process.stderr.write(`${device} ${message.text()}\n`);
    });
    await page.goto(server.origin);
    const all = await page.evaluate<readonly Cycle[], [string, number]>(
      ([where, times]) =>
        window.cycles(where as 'webgpu', '/zoo/gpt2', times, ({ after }, at) => {
          if (at % 20 === 0) console.log(`cycle ${at}: ${JSON.stringify(after)}`);
        }),
      [device, Number(count)],
    );
    await page.close();
    const after = all.slice(warmUp).map((cycle) => cycle.after);
    rows.push([
      device,
      String(all.length),
      String(all.at(-1)?.open.buffers ?? 0),
      growth(after.map(({ buffers }) => buffers)),
      growth(after.map(({ bytes }) => bytes)),
      growth(after.map(({ heap }) => heap)),
    ]);
  }
  await browser.close();
  await server.close();
  await rm(folder, { recursive: true });
  const head = [
    'device',
    'cycles',
    'GPU buffers, model open',
    'GPU buffers left',
    'GPU bytes left',
    'wasm heap written, bytes',
  ];
  process.stdout.write(
    `Open, generate, dispose in one worker; first and last after ${warmUp} cycles of warm-up, and the slope:\n\n${table(head, rows)}\n`,
  );
}
