import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesOf, recordWriter } from '../../src/collect/line.ts';
import { SegmentLog } from '../../src/collect/log.ts';
import { maskedRecord } from '../unit/collect/chunk.ts';
import { startCollector } from './collector-process.ts';
import { table } from './table.ts';

const perChunk = 50;
const chunksPerLife = 10;

/** A log as a collector would have written it; the same few records under ever new numbers. */
async function writeLog(folder: string, records: number): Promise<void> {
  const { log } = await SegmentLog.open(folder, () => undefined);
  const texts = Array.from({ length: 200 }, () => JSON.stringify(maskedRecord()));
  const receivedAt = Date.now();
  let session = '';
  for (let chunk = 0; chunk * perChunk < records; chunk++) {
    if (chunk % chunksPerLife === 0) session = randomBytes(16).toString('hex');
    const seq = (chunk % chunksPerLife) * perChunk;
    const write = recordWriter({ session, epoch: 0 }, receivedAt, { name: 'shop' });
    const entries = Array.from({ length: perChunk }, (_, i) =>
      write(seq + i, [texts[(chunk + i) % texts.length] ?? '']),
    );
    const counts = { count: perChunk, records: perChunk, rejected: {} };
    entries.push(bytesOf({ kind: 'chunk', session, epoch: 0, seq, receivedAt, ...counts }));
    const stored = log.append(entries);
    // A group every hundred chunks: waiting for each would measure the disk.
    if (chunk % 100 === 0) await stored;
  }
  await log.close();
}

/** Milliseconds from the start of the process until it listens. */
async function timeStart(data: string): Promise<number> {
  const begin = performance.now();
  const { child } = await startCollector(data, []);
  const took = performance.now() - begin;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
  return took;
}

/** How long a start takes that reads the whole log, and one that begins at its checkpoint. */
export async function starts(records: number): Promise<string> {
  const data = await mkdtemp(join(tmpdir(), 'sonde-bench-'));
  await writeLog(data, records);
  const rows: string[][] = [];
  for (const what of ['reading the whole log', 'from head and checkpoint'])
    rows.push([
      String(records),
      what,
      `${((await timeStart(data)) / 1000).toFixed(1)} s`,
      (loadavg()[0] ?? 0).toFixed(1),
    ]);
  await rm(data, { recursive: true });
  return table(['records in the log', 'start', 'until it listens, process start included', 'load'], rows);
}
