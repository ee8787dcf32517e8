import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContext } from 'playwright';
import { serveSite } from '../../browser/telemetry/site.ts';
import { launchChromium } from '../../chromium.ts';
import { kill, launchOwn, type OwnChromium } from '../../own-chromium.ts';
import { table } from '../table.ts';
import { type Column, columns, seconds } from './columns.ts';
import { legend, notes } from './notes.ts';
import { type FaultServer, startFaultServer, tier0 } from './server.ts';
import { cellOf, emptyTally, isWhole, sumTallies, type Tally, tallyOf } from './tally.ts';
import { type Place, Visitor } from './visitor.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const docs = fileURLToPath(new URL('../../../docs/delivery.md', import.meta.url));

/** By the name of its folder in the URL; the package that tells its version. */
const peers: Readonly<Record<string, readonly [name: string, from: string]>> = {
  otel: ['OpenTelemetry', '@opentelemetry/sdk-logs'],
  faro: ['Faro', '@grafana/faro-web-sdk'],
  sentry: ['Sentry', '@sentry/browser'],
  datadog: ['Datadog', '@datadog/browser-logs'],
  posthog: ['PostHog', 'posthog-js'],
};
const sdks = ['sonde', ...Object.keys(peers)];

/** Pages of a background window are visible and unthrottled, as Playwright's own launch has them. */
const flags = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

/** The peers stay out of the project's own packages: they are installed here, once. */
function install(): void {
  if (existsSync(join(here, 'node_modules'))) return;
  const argv = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', argv, { cwd: here, stdio: ['ignore', process.stderr, process.stderr] });
}

/** Quiet for longer than any of them waits before it looks for what an earlier visit left. */
const quietMs = 11_000;
const longestMs = 45_000;

/** The last is Sonde's own, and on its page. */
const lines = [...sdks, tier0];

/** By line. */
type Tallies = ReadonlyMap<string, Tally>;

async function talliesOf(server: FaultServer, visitors: readonly Visitor[]): Promise<Tallies> {
  const on = (line: string) =>
    visitors.filter(({ place }) => place.sdk === (line === tier0 ? 'sonde' : line));
  return new Map(
    await Promise.all(lines.map(async (line) => [line, await tallyOf(server, line, on(line))] as const)),
  );
}

async function settled(server: FaultServer, visitors: readonly Visitor[]): Promise<void> {
  const start = Date.now();
  for (;;) {
    await seconds(1);
    const tallies = await talliesOf(server, visitors);
    const quiet = Date.now() - Math.max(server.lastStored, start);
    if ([...tallies.values()].every(isWhole) || quiet > quietMs || Date.now() - start > longestMs) return;
  }
}

interface Played {
  readonly exit: Tallies;
  readonly next: Tallies;
}

function contextOf({ browser }: OwnChromium): BrowserContext {
  const [context] = browser.contexts();
  if (context === undefined) throw new Error('The browser has no context.');
  return context;
}

async function play(column: Column, round: number, site: string): Promise<Played> {
  // Each SDK has an origin of its own, and with it a process and a storage of its own.
  const { port } = new URL(site);
  const sites = sdks.map((sdk) => `http://${sdk}.localhost:${port}`);
  const server = await startFaultServer(sites);
  const places = sdks.map(
    (sdk, index): Place => ({ sdk, site: sites[index] ?? '', endpoint: `${server.origin}/${sdk}` }),
  );
  const profile = await mkdtemp(join(tmpdir(), 'sonde-profile-'));
  let own = await launchOwn(profile, flags);
  const context = contextOf(own);
  const openAll = async (into: BrowserContext): Promise<readonly Visitor[]> => {
    const opened = places.map((place) => new Visitor(place));
    for (const visitor of opened) await visitor.open(into);
    return opened;
  };
  try {
    const visitors = await openAll(context);
    const companions = column.tabs === 2 ? await openAll(context) : [];
    const all = [...visitors, ...companions];
    await column.play({ context, server, visitors, companions, kill: () => kill(own) }, round);
    await seconds(2);
    const exit = await talliesOf(server, all);
    if (own.process.signalCode !== null) own = await launchOwn(profile, flags);
    await openAll(contextOf(own));
    await settled(server, all);
    return { exit, next: await talliesOf(server, all) };
  } finally {
    await kill(own);
    await server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function rowsOf(column: Column, site: string): Promise<readonly string[][]> {
  const rounds: Played[] = [];
  for (let round = 0; round < (column.rounds ?? 1); round++) rounds.push(await play(column, round, site));
  const cells = (when: 'exit' | 'next'): string[] =>
    lines.map((line) =>
      cellOf(rounds.map((played) => played[when].get(line) ?? emptyTally).reduce(sumTallies, emptyTally)),
    );
  return [
    ...(column.atExit ? [[`${column.name}, without a return visit`, ...cells('exit')]] : []),
    [column.name, ...cells('next')],
  ];
}

async function machine(): Promise<string> {
  const browser = await launchChromium();
  const chromium = browser.version();
  await browser.close();
  return `${cpus().length} x ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB memory, Node ${process.versions.node}, Chromium ${chromium}`;
}

async function versionOf(name: string): Promise<string> {
  const file = createRequire(import.meta.url).resolve(join(here, 'node_modules', name, 'package.json'));
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}

/** Every SDK through every fault; `argv` may name columns by a part of their name. */
export async function benchDelivery(argv: readonly string[]): Promise<string> {
  install();
  const words = argv.filter((word) => !word.startsWith('--'));
  const chosen = columns.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  const site = await serveSite('../../bench/delivery/page');
  const rows: string[][] = [];
  for (const column of chosen) {
    const added = await rowsOf(column, site.origin);
    process.stderr.write(`${added.map((row) => row.join(' | ')).join('\n')}\n`);
    rows.push(...added);
  }
  await site.close();
  const versions = await Promise.all(
    Object.values(peers).map(async ([name, from]) => `${name} ${await versionOf(from)}`),
  );
  const header = ['fault', 'Sonde', ...versions, 'Sonde, tier 0'];
  const report = [
    '# Delivery',
    '',
    `${new Date().toISOString().slice(0, 10)}, ${await machine()}. Made by \`npm run bench -- delivery --write\`. Load average when it ended: ${(loadavg()[0] ?? 0).toFixed(1)}.`,
    '',
    legend,
    '',
    table(header, rows),
    '',
    notes,
  ].join('\n');
  if (argv.includes('--write')) await writeFile(docs, report);
  return report;
}
