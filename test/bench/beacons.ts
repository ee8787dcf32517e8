import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { makeChunk } from '../unit/collect/chunk.ts';

export const perBeacon = 50;
/** Different bodies; which page sends one, and with which number, is written over a copy. */
const variety = 64;
const session = '5'.repeat(32);
const seq = 9_000_000;

interface Template {
  readonly bytes: Buffer;
  readonly session: number;
  readonly seq: number;
  /** Begin of the records, from where on nothing changes. */
  readonly records: number;
  /** Gzip of the records: a gzip body may have several members, and the first is made anew for each beacon. */
  readonly packed: Buffer;
}

function makeTemplate(): Template {
  const bytes = Buffer.from(makeChunk(session, seq, perBeacon).body);
  const records = bytes.indexOf('"logRecords"');
  return {
    bytes,
    session: bytes.indexOf(session),
    seq: bytes.indexOf(String(seq)),
    records,
    packed: gzipSync(bytes.subarray(records)),
  };
}

export interface Load {
  readonly address: string;
  /** Beacons on their way at any time, each from a page of its own. */
  readonly pages: number;
  readonly keys: readonly string[];
  readonly gzip: boolean;
  readonly milliseconds: number;
}

export interface Loaded {
  readonly acknowledged: number;
  readonly seconds: number;
  /** Milliseconds from the first byte sent to the whole answer, ascending. */
  readonly answers: readonly number[];
  readonly refused: number;
}

/**
 * Pages that each send their next beacon when the last was answered, over real sockets kept alive. Each has
 * an address of its own out of 127.0.0.0/8, so that the limits per address hold as they would outside.
 */
export async function sendBeacons({ address, pages, keys, gzip, milliseconds }: Load): Promise<Loaded> {
  const templates = Array.from({ length: variety }, makeTemplate);
  const answers: number[] = [];
  let acknowledged = 0;
  let refused = 0;
  const start = performance.now();

  async function page(index: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const own = randomBytes(16).toString('hex');
    const url = new URL(`${address}/v1/logs?key=${keys[index % keys.length]}`);
    const options = {
      method: 'POST',
      agent,
      localAddress: `127.0.${1 + (index >> 7)}.${2 + (index & 127)}`,
      headers: { 'content-type': gzip ? 'text/plain' : 'application/json', origin: address },
    };
    for (let next = 0; performance.now() - start < milliseconds; next += 1) {
      const template = templates[(index + next) % variety];
      if (template === undefined) break;
      const bytes = Buffer.from(template.bytes);
      bytes.write(own, template.session);
      bytes.write(String(1_000_000 + next * perBeacon), template.seq);
      const body = gzip
        ? Buffer.concat([gzipSync(bytes.subarray(0, template.records), { level: 1 }), template.packed])
        : bytes;
      const sent = performance.now();
      const status = await new Promise<number>((resolve, reject) => {
        const outgoing = request(url, {
          ...options,
          headers: { ...options.headers, 'content-length': body.length },
        });
        outgoing.on('error', reject);
        outgoing.on('response', (answer) => {
          answer.resume();
          answer.on('end', () => resolve(answer.statusCode ?? 0));
        });
        outgoing.end(body);
      });
      answers.push(performance.now() - sent);
      if (status === 200) acknowledged += perBeacon;
      else refused += 1;
    }
    agent.destroy();
  }

  await Promise.all(Array.from({ length: pages }, (_, index) => page(index)));
  return {
    acknowledged,
    refused,
    seconds: (performance.now() - start) / 1000,
    answers: answers.sort((a, b) => a - b),
  };
}
