import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright';
import { endCollector, startCollector } from './collector-process.ts';
import { quantile, table } from './table.ts';

const token = 'bench';
const requests = 100;

/** From the end of a request in the page until the collector's query API knows its record, both by one clock. */
export async function ingestionBench(openPage: () => Promise<Page>): Promise<string> {
  const page = await openPage();
  const data = await mkdtemp(join(tmpdir(), 'sonde-bench-'));
  const { child, address, admin } = await startCollector(data, [], {
    SONDE_ADMIN_TOKEN: token,
    SONDE_COLLECT_ORIGIN: new URL(page.url()).origin,
  });
  const latencies: Promise<number>[] = [];
  const known = async (request: string, at: number): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    while (!(await fetch(`${admin}/api/requests/${request}`, { headers })).ok) await sleep(50);
    return Date.now() - at;
  };
  await page.exposeFunction('ended', (request: string, at: number) => {
    latencies.push(known(request, at));
  });
  await page.evaluate(`makeRequests('${address}', ${requests})`);
  const sorted = (await Promise.all(latencies)).sort((a, b) => a - b);
  await page.context().browser()?.close();
  await endCollector({ child });
  await rm(data, { recursive: true });
  const at = (share: number): string => `${quantile(sorted, share)} ms`;
  return [
    `From the end of a request in Chromium until the query API gives its record, ${sorted.length} requests (target: p95 below 5 s):`,
    '',
    table(['p50', 'p95', 'longest'], [[at(0.5), at(0.95), at(1)]]),
    '',
  ].join('\n');
}
