import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { makeChunk } from '../unit/collect/chunk.ts';

export const perBeacon = 50;
/** Different sets of records; which page sends one, and with which number, is written into a copy of its head. */
const variety = 64;
const session = '5'.repeat(32);
const seq = 9_000_000;

interface Template {
  /** What stands before the records. */
  readonly head: Buffer;
  readonly session: number;
  readonly seq: number;
  readonly records: Buffer;
}

function makeTemplate(gzip: boolean): Template {
  const bytes = Buffer.from(makeChunk(session, seq, perBeacon).body);
  const head = bytes.subarray(0, bytes.indexOf('"logRecords"'));
  const records = bytes.subarray(head.length);
  return {
    head,
    session: head.indexOf(session),
    seq: head.indexOf(String(seq)),
    // A gzip body may have several members: the records are one that many beacons share.
    records: gzip ? gzipSync(records) : records,
  };
}

export interface Load {
  readonly address: string;
  /** Beacons on their way at any time, each from a page of its own. */
  readonly pages: number;
  readonly keys: readonly string[];
  readonly gzip: boolean;
  /** Beacons that each page has ready before the first is sent, so that making them costs nothing meanwhile. */
  readonly ready: number;
}

export interface Loaded {
  readonly acknowledged: number;
  readonly seconds: number;
  /** Milliseconds from the first byte sent to the whole answer, ascending. */
  readonly answers: readonly number[];
  readonly refused: number;
  /** Processor time that sending took, in seconds. */
  readonly cpu: number;
}

/** A request as it goes over the wire: what is its own, and the records it shares with others. */
type Beacon = readonly [own: Buffer, records: Buffer];

/** One page life: a socket that is kept alive, and ever higher numbers. */
class Page {
  readonly #socket: Socket;
  readonly #session = randomBytes(16).toString('hex');
  readonly #make: (session: string, beacon: number) => Beacon;
  readonly #ready: Beacon[] = [];
  #made = 0;

  constructor(socket: Socket, make: (session: string, beacon: number) => Beacon) {
    this.#socket = socket;
    this.#make = make;
  }

  prepare(): void {
    this.#ready.push(this.#make(this.#session, this.#made++));
  }

  /** Sends the next beacon. @returns whether all of it was stored: a 200 may refuse records */
  async send(): Promise<boolean> {
    if (this.#ready.length === 0) this.prepare();
    const [own, records] = this.#ready.shift() ?? [];
    this.#socket.cork();
    if (own !== undefined) this.#socket.write(own);
    if (records !== undefined) this.#socket.write(records);
    this.#socket.uncork();
    let answer = '';
    while (!isWhole(answer)) answer += String((await once(this.#socket, 'data'))[0]);
    return answer.slice(9, 12) === '200' && !answer.includes('rejectedLogRecords');
  }

  close(): void {
    this.#socket.destroy();
  }
}

function isWhole(answer: string): boolean {
  const body = answer.indexOf('\r\n\r\n') + 4;
  if (body < 4) return false;
  return answer.length - body >= Number(/content-length: (\d+)/i.exec(answer)?.[1] ?? 0);
}

/**
 * Pages that each send their next beacon when the last was answered, over real sockets kept alive. Each has
 * an address of its own out of 127.0.0.0/8, so that the limits per address hold as they would outside.
 */
export async function openPages({ address, pages, keys, gzip, ready }: Load): Promise<readonly Page[]> {
  const templates = Array.from({ length: variety }, () => makeTemplate(gzip));
  const { host, hostname, port } = new URL(address);
  const open = Array.from({ length: pages }, async (_, index) => {
    const localAddress = `127.0.${1 + (index >> 7)}.${2 + (index & 127)}`;
    const socket = connect({ host: hostname, port: Number(port), localAddress, noDelay: true });
    await once(socket, 'connect');
    const lines = [
      `POST /v1/logs?key=${keys[index % keys.length]} HTTP/1.1`,
      `Host: ${host}`,
      `Origin: ${address}`,
      `Content-Type: ${gzip ? 'text/plain' : 'application/json'}`,
    ].join('\r\n');
    return new Page(socket, (life, beacon) => {
      const template = templates[(index + beacon) % variety] ?? makeTemplate(gzip);
      const head = Buffer.from(template.head);
      head.write(life, template.session);
      head.write(String(1_000_000 + beacon * perBeacon), template.seq);
      const sent = gzip ? gzipSync(head, { level: 1 }) : head;
      const length = sent.length + template.records.length;
      const own = Buffer.concat([Buffer.from(`${lines}\r\nContent-Length: ${length}\r\n\r\n`), sent]);
      return [own, template.records];
    });
  });
  const opened = await Promise.all(open);
  for (let i = 0; i < ready; i++) for (const page of opened) page.prepare();
  return opened;
}

export async function sendFrom(pages: readonly Page[], milliseconds: number): Promise<Loaded> {
  const answers: number[] = [];
  let acknowledged = 0;
  let refused = 0;
  const before = process.cpuUsage();
  const start = performance.now();
  await Promise.all(
    pages.map(async (page) => {
      for (let sent = performance.now(); sent - start < milliseconds; sent = performance.now()) {
        const isStored = await page.send();
        answers.push(performance.now() - sent);
        if (isStored) acknowledged += perBeacon;
        else refused += 1;
      }
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return {
    acknowledged,
    refused,
    seconds,
    answers: answers.sort((a, b) => a - b),
    cpu: (user + system) / 1e6,
  };
}
