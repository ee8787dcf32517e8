import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { walkLog } from '../../src/collect/walk.ts';
import { openPages, sendFrom } from '../bench/beacons.ts';
import { endCollector, startCollector } from '../bench/collector-process.ts';
import { table } from '../bench/table.ts';
import { makeChunk, newSession } from '../unit/collect/chunk.ts';
import { acknowledgedBy, Sender } from '../unit/collect/sender.ts';

type Collector = Awaited<ReturnType<typeof startCollector>>;
type Row = [fault: string, did: string, saw: string];

/** Ids of the records in the log, and what is wrong with it. */
async function storedIn(data: string): Promise<{ ids: string[]; faults: number }> {
  const ids: string[] = [];
  const { faults } = await walkLog(data, (entries) => {
    for (const entry of entries) if (entry.kind === 'record') ids.push(entry.record.recordId);
  });
  return { ids, faults: faults.length };
}

/** A process that dies, not a machine: what the system had of it is written all the same. */
async function kills(data: string, rounds: number): Promise<Row> {
  const senders = Array.from({ length: 4 }, () => new Sender());
  for (let round = 0; round <= rounds; round++) {
    const collector = await startCollector(data, []);
    let gone = false;
    const sending = Promise.all(senders.map((sender) => sender.run(collector, () => gone)));
    await sleep(Math.random() * 500);
    // The last one sends again what the kill before it left unanswered.
    if (round === rounds) {
      for (const sender of senders) sender.sentInFull = 0;
      while (!senders.every(({ sentInFull }) => sentInFull > 0)) await sleep(10);
      gone = true;
      await sending;
    }
    await endCollector(collector, round === rounds ? 'SIGTERM' : 'SIGKILL');
    gone = true;
    await sending;
  }
  const { ids, faults } = await storedIn(data);
  const unique = new Set(ids);
  const acknowledged = acknowledgedBy(senders);
  const lost = acknowledged.filter((id) => !unique.has(id)).length;
  return [
    'kill -9 under load (process death)',
    `${rounds} kills at random times, 4 senders`,
    `${acknowledged.length} acknowledged, ${lost} lost, ${ids.length - unique.size} twice, ${faults} faults`,
  ];
}

interface Sending {
  readonly body: string | Buffer;
  readonly from?: string;
  readonly key?: string;
  readonly origin?: string;
}

function post(address: string, { body, from = '127.0.2.1', key = 'k1', origin }: Sending): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'text/plain', ...(origin === undefined ? {} : { origin }) };
    const outgoing = request(`${address}/v1/logs?key=${key}`, {
      method: 'POST',
      localAddress: from,
      headers,
    });
    outgoing.on('error', reject);
    outgoing.on('response', (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode ?? 0));
    });
    outgoing.end(body);
  });
}

/** How often each status came, of requests one after the other. */
async function statusesOf(address: string, times: number, sending: (i: number) => Sending): Promise<string> {
  const counts = new Map<number, number>();
  for (let i = 0; i < times; i++) {
    const status = await post(address, sending(i));
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  return [...counts].map(([status, count]) => `${count} x ${status}`).join(', ');
}

const good = (): string => makeChunk(newSession(), 0, 5).body;
/** One address of many, so that its own rate is not what is seen. */
const anyone = (i: number): string => `127.0.${3 + (i >> 7)}.${2 + (i & 127)}`;

async function hostile({ address }: Collector): Promise<Row[]> {
  const bomb = gzipSync(Buffer.alloc(50_000_000, 0x20));
  const deep = `{"resourceLogs":${'['.repeat(20_000)}`;
  const each = (sending: (i: number) => Sending) =>
    statusesOf(address, 500, (i) => ({ from: anyone(i), ...sending(i) }));
  const rows: Row[] = [
    ['gzip bomb', '500 of 50 MB in 48 KB', await each(() => ({ body: bomb }))],
    ['deep JSON', '500, 20,000 deep', await each(() => ({ body: deep }))],
    ['forged key', '500 good bodies', await each((i) => ({ body: good(), key: `forged${i}` }))],
    [
      'forged origin',
      '500 good bodies',
      await each((i) => ({ body: good(), origin: `https://${i}.example` })),
    ],
  ];
  const session = newSession();
  const chunks = Array.from({ length: 100 }, (_, i) => makeChunk(session, 5 * i, 5).body);
  const shuffled = [...chunks, ...chunks].sort(() => Math.random() - 0.5);
  const answers = await statusesOf(address, 200, (i) => ({ body: shuffled[i] ?? '', from: anyone(i) }));
  rows.push(['duplicates, out of order', '100 chunks twice, shuffled', answers]);
  let isOver = false;
  const flood = statusesOf(address, 20_000, () => ({ body: 'x' })).finally(() => {
    isOver = true;
  });
  const others = new Map<number, number>();
  while (!isOver) {
    const status = await post(address, { body: good(), from: '127.0.9.9' });
    others.set(status, (others.get(status) ?? 0) + 1);
    await sleep(20);
  }
  const told = [...others].map(([status, count]) => `${count} x ${status}`).join(', ');
  rows.push(['flood from one address', '20,000 requests', `${await flood}; another address: ${told}`]);
  return rows;
}

/** Connections that send the begin of a request and no more. */
async function crowd({ address }: Collector, count: number): Promise<Row> {
  const { hostname, port } = new URL(address);
  const sockets: Socket[] = [];
  let closed = 0;
  for (let i = 0; i < count; i++) {
    const socket = connect({ host: hostname, port: Number(port), localAddress: anyone(i) });
    socket.on('error', () => undefined);
    // A socket that nobody reads does not see its end.
    socket.resume();
    socket.on('close', () => {
      closed += 1;
    });
    socket.on('connect', () => socket.write('POST /v1/logs?key=k1 HTTP/1.1\r\nHost: x\r\nContent-Le'));
    sockets.push(socket);
    if (i % 200 === 0) await sleep(5);
  }
  const waits: number[] = [];
  while (closed < count && waits.length < 400) {
    const begin = performance.now();
    await post(address, { body: good(), from: '127.0.9.8' });
    waits.push(performance.now() - begin);
    await sleep(50);
  }
  waits.sort((a, b) => a - b);
  const p99 = waits[Math.floor(waits.length * 0.99)] ?? 0;
  for (const socket of sockets) socket.destroy();
  return [
    'slow loris',
    `${count} connections, half a header each`,
    `${closed} cut off; meanwhile ${waits.length} good bodies answered, p99 ${p99.toFixed(0)} ms`,
  ];
}

const residentMiB = async (pid: number): Promise<number> =>
  Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

async function memory({ address, child }: Collector, minutes: number): Promise<Row> {
  const pages = await openPages({ address, pages: 8, keys: ['k1'], gzip: true, ready: 0 });
  const seen: number[] = [];
  let records = 0;
  const begin = performance.now();
  while (performance.now() - begin < minutes * 60_000) {
    records += (await sendFrom(pages, 500)).acknowledged;
    seen.push(await residentMiB(child.pid ?? 0));
    await sleep(1500);
  }
  for (const page of pages) page.close();
  const mean = (part: readonly number[]) => part.reduce((sum, value) => sum + value, 0) / part.length;
  const fifth = Math.ceil(seen.length / 5);
  const fifths = [0, 1, 2, 3, 4].map((i) => mean(seen.slice(i * fifth, (i + 1) * fifth)).toFixed(0));
  return [
    'memory',
    `${minutes} min, ${records} records`,
    `resident MiB, mean of each fifth: ${fifths.join(', ')}`,
  ];
}

/** `npm run soak -- faults [KILLS] [MINUTES] [CONNECTIONS]`: what a collector on the internet meets. Asserts nothing. */
export async function soakFaults([rounds = '100', minutes = '10', connections = '10000']: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-soak-'));
  const rows: Row[] = [await kills(join(folder, 'killed'), Number(rounds))];
  const data = join(folder, 'hostile');
  const collector = await startCollector(data, ['k1']);
  rows.push(...(await hostile(collector)));
  rows.push(await crowd(collector, Number(connections)));
  rows.push(await memory(collector, Number(minutes)));
  await endCollector(collector, 'SIGTERM');
  const { ids, faults } = await storedIn(data);
  rows.push(['afterwards', 'the log read again', `${ids.length} records, ${faults} faults`]);
  await rm(folder, { recursive: true });
  const load = `load ${(loadavg()[0] ?? 0).toFixed(1)}`;
  process.stdout.write(
    `${new Date().toISOString().slice(0, 10)}, ${load}:\n\n${table(['fault', 'what was done', 'what was seen'], rows)}\n`,
  );
}
