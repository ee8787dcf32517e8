import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Known } from '../../src/collect/known.ts';
import { bytesOf, recordWriter } from '../../src/collect/line.ts';
import { SegmentLog } from '../../src/collect/log.ts';
import { maskedRecord } from '../unit/collect/chunk.ts';
import { endCollector, root, startCollector } from './collector-process.ts';
import { table } from './table.ts';

const perChunk = 50;
const chunksPerLife = 10;
/** The records are spread over a day, so that a query merges as many minutes. */
const day = 24 * 60 * 60 * 1000;
const token = 'bench';

/** 2 models, 3 cohorts and 3 outcomes: 18 groups a minute. */
const samples = () =>
  Array.from({ length: 180 }, (_, i) =>
    maskedRecord({
      modelId: ['shakespeare-gpt', 'sentiment'][i % 2] ?? '',
      cohort: ['alpha', 'beta', 'gamma'][i % 3] ?? '',
      outcome: (['ok', 'aborted', 'error'] as const)[Math.floor(i / 6) % 3] ?? 'ok',
    }),
  );

/** A log as a collector writes it, with what it keeps beside; the same few records under ever new numbers. */
async function writeLog(folder: string, records: number): Promise<void> {
  const known = new Known();
  const { log } = await SegmentLog.open(folder, (entries, segment) => known.read(entries, segment), {
    keeper: known,
  });
  const drawn = samples().map((record) => ({ record, text: JSON.stringify(record) }));
  const begin = Date.now() - day;
  let session = '';
  let last: Promise<void> = Promise.resolve();
  for (let chunk = 0; chunk * perChunk < records; chunk++) {
    if (chunk % chunksPerLife === 0) session = randomBytes(16).toString('hex');
    const seq = (chunk % chunksPerLife) * perChunk;
    const receivedAt = Math.floor(begin + (day * chunk * perChunk) / records);
    const write = recordWriter({ session, epoch: 0 }, receivedAt, { name: 'shop' });
    const sent = Array.from({ length: perChunk }, (_, i) => drawn[(7 * chunk + i) % drawn.length]);
    const entries = sent.map((each, i) => write(seq + i, [each?.text ?? '']));
    const counts = { count: perChunk, records: perChunk, rejected: {} };
    entries.push(bytesOf({ kind: 'chunk', session, epoch: 0, seq, receivedAt, ...counts }));
    const life = { session, epoch: 0, seq };
    last = log.append(entries).then((segment) => {
      known.records.add(life, perChunk);
      for (const each of sent) if (each !== undefined) known.rollups.add(segment, receivedAt, each.record);
    });
    // A group every hundred chunks: waiting for each would measure the disk.
    if (chunk % 100 === 0) await last;
  }
  await last;
  await log.close();
}

interface Started {
  /** Milliseconds from the start of the process until it listens. */
  readonly took: number;
  /** Milliseconds until a query over everything was answered, ascending; and from where. */
  readonly queries: readonly number[];
  readonly source: string;
}

/** @param exact from the tables, once they are there */
async function start(data: string, exact: boolean): Promise<Started> {
  const begin = performance.now();
  const env = { SONDE_ADMIN_TOKEN: token, ...(exact ? { SONDE_COLLECT_TABLES: '1' } : {}) };
  const { child, admin } = await startCollector(data, [], env);
  const took = performance.now() - begin;
  const queries: number[] = [];
  let source = '';
  for (let i = 0; i < 11; i++) {
    const asked = performance.now();
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${admin}/api/query?by=model,cohort,outcome${exact ? '&exact=1' : ''}`, {
      headers,
    });
    ({ source } = (await answer.json()) as { source: string });
    queries.push(performance.now() - asked);
    // The log is read again meanwhile, as it would be; one that takes long is asked once.
    if (source === 'log') break;
    await sleep(100);
  }
  await endCollector({ child });
  return { took, queries: queries.sort((a, b) => a - b), source };
}

/** How soon a collector over a long log listens, and answers from minutes. */
export async function starts(records: number): Promise<string> {
  const data = await mkdtemp(join(tmpdir(), 'sonde-bench-'));
  try {
    await writeLog(data, records);
    const fromMinutes = await start(data, false);
    const making = performance.now();
    await promisify(execFile)(process.execPath, ['bin/sonde.js', 'store', 'rebuild', '--data', data], {
      cwd: root,
    });
    const makingTook = (performance.now() - making) / 1000;
    const runs = [fromMinutes, await start(data, true)];
    const head = [
      'records',
      'start from head and checkpoint',
      'query of all',
      'slowest of 11',
      'source',
      'load',
    ];
    const rows = runs.map(({ took, queries, source }) => [
      String(records),
      `${(took / 1000).toFixed(1)} s`,
      `${(queries[queries.length >> 1] ?? 0).toFixed(0)} ms`,
      `${(queries.at(-1) ?? 0).toFixed(0)} ms`,
      source,
      (loadavg()[0] ?? 0).toFixed(1),
    ]);
    return `The start of the process included; 18 groups in each of 1440 minutes, p50, p95 and p99 of four quantities by group, asked while the whole log is read again; \`tables\` is exact; they were made in ${makingTook.toFixed(0)} s:\n\n${table(head, rows)}`;
  } finally {
    await rm(data, { recursive: true });
  }
}
