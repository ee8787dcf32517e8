import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Loaded, openPages, perBeacon, sendFrom } from './beacons.ts';
import { endCollector, startCollector } from './collector-process.ts';
import { starts } from './starts.ts';
import { quantile, table } from './table.ts';

const keys = ['k1', 'k2', 'k3', 'k4'];
const warmUp = 2000;
const measured = 8000;
/** Of each page: enough for 80,000 records a second. */
const ready = 330;

/** Seconds of processor time that a process has used, all its threads together (proc(5), fields 14 and 15). */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function measure(gzip: boolean): Promise<Loaded & { collector: number }> {
  const data = await mkdtemp(join(tmpdir(), 'sonde-bench-'));
  const { child, address } = await startCollector(data, keys);
  const pages = await openPages({ address, pages: 48, keys, gzip, ready });
  await sendFrom(pages, warmUp);
  const before = await cpuSeconds(child.pid ?? 0);
  const loaded = await sendFrom(pages, measured);
  const collector = (await cpuSeconds(child.pid ?? 0)) - before;
  for (const page of pages) page.close();
  await endCollector({ child });
  await rm(data, { recursive: true });
  return { ...loaded, collector };
}

const header = [
  'body',
  'events/s acknowledged',
  'p50',
  'p99',
  'processor time an event, collector',
  'and load generator',
  'refused',
  'load',
];

/** How many records a second are acknowledged after fdatasync, with every check on and the limits as they are. */
export async function benchCollector(argv: readonly string[]): Promise<string> {
  const records = Number(argv[1] ?? 200_000);
  if (argv.includes('starts')) return `${await starts(records)}\n`;
  const rows: string[][] = [];
  for (const gzip of [true, false]) {
    const { acknowledged, seconds, answers, collector, cpu, refused } = await measure(gzip);
    const each = (all: number): string => `${((all / acknowledged) * 1e6).toFixed(1)} us`;
    rows.push([
      gzip ? 'beacon, gzip' : 'JSON, plain',
      (acknowledged / seconds).toFixed(0),
      `${quantile(answers, 0.5).toFixed(1)} ms`,
      `${quantile(answers, 0.99).toFixed(1)} ms`,
      each(collector),
      each(cpu),
      String(refused),
      (loadavg()[0] ?? 0).toFixed(1),
    ]);
  }
  return `${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.versions.node}; ${perBeacon} records a beacon, 48 pages over HTTP kept alive, load generator on the same cores:\n\n${table(header, rows)}\n\n${await starts(records)}\n`;
}
