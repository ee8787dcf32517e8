import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright';
import { build } from 'vite';
import { chromiumFlags, chromiumPath } from '../../src/cli/chromium.ts';
import { serveFolders } from '../../src/cli/serve.ts';
import buildIfStale from '../setup/built.ts';
import { coldBench } from './cold.ts';
import { benchCollector } from './collector.ts';
import { decodeBench } from './decode.ts';
import { benchDelivery } from './delivery/delivery.ts';
import { ingestionBench } from './ingestion.ts';
import { instrumenting } from './instrument.ts';
import { plans } from './plans.ts';
import { sizes } from './sizes.ts';
import { smooth } from './smooth.ts';
import { table } from './table.ts';
import { withVocabulary } from './vocabulary.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const devices = ['wasm', 'webgpu'] as const;
type Device = (typeof devices)[number];

/** Without the WebGPU flags a headless Chromium has no adapter, and the page falls back to WASM by itself. */
async function launch(device: Device): Promise<Browser> {
  const args = chromiumFlags.filter((flag) => device === 'webgpu' || !/webgpu/.test(flag));
  return chromium.launch({ executablePath: await chromiumPath(), args });
}

interface Opened {
  /** From the start of navigation to the first attention map computed here, in ms. */
  readonly firstMap: number;
  /** Durations of main-thread tasks of 50 ms or more while the second run generated and drew, in ms. */
  readonly longTasks: readonly number[];
}

async function phase(page: Page, name: string): Promise<void> {
  await page.waitForFunction(`document.documentElement.dataset.phase === '${name}'`, null, {
    timeout: 120_000,
  });
}

/** The playground as a visitor with an empty cache finds it, then one more run of the same text. */
async function openPlayground(device: Device, origin: string): Promise<Opened> {
  const browser = await launch(device);
  const page = await browser.newPage();
  await page.addInitScript(() => {
    const tasks: PerformanceEntry[] = [];
    Object.assign(window, { tasks });
    new PerformanceObserver((list) => tasks.push(...list.getEntries())).observe({ type: 'longtask' });
  });
  await page.goto(origin);
  await phase(page, 'live');
  const firstMap = await page.evaluate<number>('performance.now()');
  const start = await page.evaluate<number>('performance.now()');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await phase(page, 'running');
  await phase(page, 'live');
  const longTasks = await page.evaluate<number[]>(
    `tasks.filter(({ startTime }) => startTime > ${start}).map(({ duration }) => duration)`,
  );
  await browser.close();
  return { firstMap, longTasks };
}

async function machine(): Promise<string> {
  const browser = await launch('wasm');
  const version = browser.version();
  await browser.close();
  const [cpu] = cpus();
  return [
    `${cpus().length} x ${cpu?.model.trim()}`,
    `${Math.round(totalmem() / 2 ** 30)} GiB memory`,
    `Node ${process.versions.node}`,
    `Chromium ${version}`,
    'WebGPU on SwiftShader (no GPU)',
  ].join(', ');
}

/** Prints what was measured; `--write` also puts it in docs/benchmarks.md. Asserts nothing. */
export async function bench(argv: readonly string[]): Promise<void> {
  if (argv[0] === 'delivery') {
    process.stdout.write(await benchDelivery(argv.slice(1)));
    return;
  }
  buildIfStale();
  if (argv[0] === 'collector') {
    process.stdout.write(await benchCollector(argv));
    return;
  }
  const page = await mkdtemp(join(tmpdir(), 'sonde-bench-'));
  await build({
    root: join(root, 'test/bench'),
    configFile: false,
    logLevel: 'error',
    base: '/bench/',
    worker: { format: 'es' },
    build: { outDir: page, emptyOutDir: true },
  });
  const models = join(root, 'public/models');
  const widened = await mkdtemp(join(tmpdir(), 'sonde-bench-'));
  await withVocabulary(join(models, 'shakespeare-gpt'), widened, 50_257);
  const server = await serveFolders({
    '/': join(root, 'dist/playground'),
    '/bench/': page,
    '/models/': models,
    '/models/vocabulary-50257/': widened,
  });
  const close = async (): Promise<void> => {
    await server.close();
    for (const folder of [page, widened]) await rm(folder, { recursive: true });
  };
  const openBench = async (device: Device): Promise<Page> => {
    const opened = await (await launch(device)).newPage();
    await opened.goto(`${server.origin}/bench/`);
    return opened;
  };
  const chosen = devices.filter((device) => argv.length < 2 || argv.includes(device));
  const parts: Readonly<Record<string, () => Promise<string>>> = {
    decode: () => decodeBench(openBench, chosen),
    cold: () => coldBench(openBench, chosen),
    ingestion: () => ingestionBench(() => openBench('wasm')),
    plans: () => plans(() => openBench('webgpu')),
    smooth: () => smooth(root, () => launch('wasm')),
  };
  const part = parts[argv[0] ?? ''];
  if (part !== undefined) {
    process.stdout.write(await part());
    await close();
    return;
  }
  const busy: number[] = [];
  const opened: string[][] = [];
  for (const device of devices) {
    busy.push(loadavg()[0] ?? 0);
    const { firstMap, longTasks } = await openPlayground(device, server.origin);
    const longest =
      longTasks.length === 0 ? 'none of 50 ms or more' : `${Math.max(...longTasks).toFixed(0)} ms`;
    opened.push([device, `${(firstMap / 1000).toFixed(1)} s`, longest]);
  }
  const tasks = await smooth(root, () => launch('wasm'));
  const cold = await coldBench(openBench);
  const planCosts = await plans(() => openBench('webgpu'));
  const duels = await decodeBench(openBench);
  busy.push(loadavg()[0] ?? 0);
  await close();
  const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;
  const report = [
    '# Benchmarks',
    '',
    `${new Date().toISOString().slice(0, 10)}, ${await machine()}. Made by \`npm run bench -- --write\`. Load average while it ran: ${busy.map((load) => load.toFixed(1)).join(', ')}; what is above the number of cores was other work, and slowed this.`,
    '',
    'Cold open of the playground to the first attention map computed in this browser (empty cache, served from this machine), and the longest main-thread task while the next run generated and drew:',
    '',
    table(['device', 'first live map', 'longest task'], opened),
    '',
    tasks,
    cold,
    'Instrumenting generated models of 12 layers and growing width in Node, median of 9: reading and recognising, then writing the graph with every hook tapped. Weights are referred to in the downloaded bytes; vectors below 4 KiB stay in the graph:',
    '',
    table(
      ['model', 'hooks', 'read', 'write', 'graph written', 'weights referred to', 'array memory taken'],
      instrumenting([1, 50, 500]).map((each) => [
        `${each.megabytes.toFixed(1)} MiB`,
        String(each.hooks),
        `${each.read.toFixed(1)} ms`,
        `${each.edit.toFixed(1)} ms`,
        kib(each.graph),
        kib(each.weights),
        kib(each.allocated),
      ]),
    ),
    '',
    duels,
    planCosts,
    '',
    'Bundles, gzip:',
    '',
    table(
      ['part', 'size'],
      (await sizes(root)).map(({ part, gzip }) => [part, kib(gzip)]),
    ),
    '',
  ].join('\n');
  process.stdout.write(report);
  if (argv.includes('--write')) await writeFile(join(root, 'docs/benchmarks.md'), report);
}
