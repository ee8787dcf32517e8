import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type CollectorOptions, createCollector } from '../../../src/collect/server.ts';

/** A folder that is gone when the test is. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A collector on a free port of this machine. */
export async function startCollector(options: Partial<CollectorOptions> = {}) {
  const data = options.data ?? (await temporaryFolder());
  const collector = await createCollector({ data, ...options });
  onTestFinished(() => collector.close());
  const address = await collector.listen(0);
  const post = (body: BodyInit, headers: Record<string, string> = {}, query = '') =>
    fetch(`${address}/v1/logs${query}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
  return { collector, address, data, post };
}

/** Everything in the log, as it lies on disk. */
export async function readSegments(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => /^segment-\d+\.ndjson$/.test(name)).sort();
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('');
}

/** Record ids in the order of the log. */
export async function storedIds(folder: string): Promise<string[]> {
  const ids: string[] = [];
  for (const line of (await readSegments(folder)).split('\n')) {
    if (!line.includes('"entry":{"kind":"record"')) continue;
    ids.push((JSON.parse(line) as { entry: { record: { recordId: string } } }).entry.record.recordId);
  }
  return ids;
}
