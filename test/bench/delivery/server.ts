import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import type { MetricsEntry } from '../../../src/collect/line.ts';
import { createCollector } from '../../../src/collect/server.ts';
import { walkLog } from '../../../src/collect/walk.ts';
import type { ChunkIdentity } from '../../../src/schema/fields.ts';
import { isGzip } from '../../../src/shared/gzip.ts';
import { listen } from '../../browser/telemetry/site.ts';

/** What a request meets instead of being stored. */
export type Fault = { readonly status: number; readonly retryAfter?: number } | 'broken connection';

export interface Hit {
  readonly sdk: string;
  readonly records: number;
}

/**
 * One server for all: `/<sdk>/...`. Sonde's path leads on to its real collector; of the others' bodies, whatever their
 * format, it reads the ids of the records, and answers as their own servers do when they have taken them.
 */
export interface FaultServer {
  readonly origin: string;
  fault: ((hit: Hit) => Fault | undefined) | undefined;
  /** When something was stored last, epoch ms. */
  readonly lastStored: number;
  /** How often each id is there; of `tier 0`, how often Sonde's metrics count the request of that id. */
  stored(line: string): Promise<ReadonlyMap<string, number>>;
  /** Sonde's collector stops, and starts anew on the same data after `ms`; nobody is answered meanwhile. */
  restart(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** Under which Sonde's metrics are asked for as if they were another SDK's records. */
export const tier0 = 'tier 0';

const idsIn = (text: string): readonly string[] => text.match(/bench\.\w+\.\d+/g) ?? [];

const decompressed = (body: Buffer): string => (isGzip(body) ? gunzipSync(body) : body).toString();

const plusOne = (counts: Map<string, number>, id: string): unknown =>
  counts.set(id, (counts.get(id) ?? 0) + 1);

const lifeOf = ({ session, epoch }: Pick<ChunkIdentity, 'session' | 'epoch'>): string =>
  `${session}:${epoch}`;

/** The numbers that an export says it adds up; its own counter must say as many. */
function numbersIn({ seq, count, points }: MetricsEntry): readonly number[] {
  const counted = points
    .filter(({ metric }) => metric === 'requests')
    .reduce((sum, { amount }) => sum + (amount.kind === 'counter' ? amount.value : Number.NaN), 0);
  if (counted !== count) throw new Error(`An export of ${count} measurements counts ${counted} requests.`);
  return Array.from({ length: count }, (_, index) => seq + index);
}

function allow(request: IncomingMessage, response: ServerResponse): void {
  const { origin, 'access-control-request-headers': headers } = request.headers;
  response.setHeader('access-control-allow-origin', origin ?? '*');
  response.setHeader('access-control-allow-credentials', 'true');
  response.setHeader('access-control-allow-methods', 'GET, POST');
  response.setHeader('access-control-expose-headers', 'retry-after');
  if (headers !== undefined) response.setHeader('access-control-allow-headers', headers);
}

export async function startFaultServer(origins: readonly string[]): Promise<FaultServer> {
  const data = await mkdtemp(join(tmpdir(), 'sonde-delivery-'));
  const start = async () => {
    const options = { data, origins, keys: ['pk_bench'], models: ['shakespeare-gpt'] };
    const collector = await createCollector(options);
    return { collector, address: await collector.listen(0) };
  };
  let running = await start();
  let lastStored = Date.now();
  const peers = new Map<string, Map<string, number>>();
  /** What came with these was told to be the same request again. */
  const idempotencyKeys = new Set<string>();

  async function toCollector(
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    const { origin = '', 'content-type': type = '' } = request.headers;
    const answer = await fetch(`${running.address}${request.url?.slice('/sonde'.length)}`, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: { 'content-type': type, origin },
    });
    const after = answer.headers.get('retry-after');
    if (after !== null) response.setHeader('retry-after', after);
    response.writeHead(answer.status).end(await answer.text());
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const sdk = request.url?.split('/')[1] ?? '';
    const ids = request.method === 'POST' ? idsIn(decompressed(body)) : [];
    const fault = server.fault?.({ sdk, records: ids.length });
    if (fault === 'broken connection') {
      request.socket.destroy();
      return;
    }
    allow(request, response);
    if (request.method === 'OPTIONS') {
      response.writeHead(204).end();
      return;
    }
    if (fault !== undefined) {
      if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter);
      response.writeHead(fault.status).end();
      return;
    }
    if (ids.length > 0 || request.url?.includes('/v1/metrics')) lastStored = Date.now();
    if (sdk === 'sonde') return toCollector(request, body, response);
    const key = request.headers['idempotency-key'];
    const isAgain = typeof key === 'string' && idempotencyKeys.has(key);
    if (typeof key === 'string') idempotencyKeys.add(key);
    const stored = peers.get(sdk) ?? new Map<string, number>();
    peers.set(sdk, stored);
    if (!isAgain) for (const id of ids) plusOne(stored, id);
    response.setHeader('content-type', 'application/json').end('{}');
  }

  const http = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.destroy());
  });

  const server: FaultServer = {
    origin: await listen(http),
    fault: undefined,
    get lastStored() {
      return lastStored;
    },
    async stored(line) {
      if (line !== 'sonde' && line !== tier0) return peers.get(line) ?? new Map();
      const records = new Map<string, number>();
      const measured: (readonly [life: string, number: number])[] = [];
      /** A worker makes its nth record and its nth measurement of one request: the life of one names the other. */
      const prefixes = new Map<string, string>();
      await walkLog(data, (entries) => {
        for (const entry of entries) {
          if (entry.kind === 'metrics')
            measured.push(...numbersIn(entry).map((number) => [lifeOf(entry), number] as const));
          if (entry.kind !== 'record') continue;
          const { requestId } = entry.record;
          plusOne(records, requestId);
          prefixes.set(lifeOf(entry), requestId.slice(0, requestId.lastIndexOf('.')));
        }
      });
      if (line === 'sonde') return records;
      const counted = new Map<string, number>();
      for (const [life, number] of measured) plusOne(counted, `${prefixes.get(life)}.${number}`);
      return counted;
    },
    async restart(ms) {
      server.fault = () => 'broken connection';
      await running.collector.close();
      await new Promise((resolve) => setTimeout(resolve, ms));
      running = await start();
      server.fault = undefined;
    },
    async close() {
      http.closeAllConnections();
      http.close();
      await running.collector.close();
      await rm(data, { recursive: true });
    },
  };
  return server;
}
