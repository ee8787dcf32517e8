import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createCollector } from '../../../src/collect/server.ts';
import { walkLog } from '../../../src/collect/walk.ts';
import { listen } from './site.ts';

/** What happens to a request instead of reaching the collector. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string; readonly body?: string }
  /** The connection breaks before an answer. */
  | { readonly kind: 'drop' }
  /** The collector stores it, and its answer is lost on the way back. */
  | { readonly kind: 'lost answer' };

export interface Arrival {
  readonly at: number;
  readonly url: string;
  readonly contentType: string | undefined;
  readonly body: Buffer;
  /** OTLP/JSON, decompressed. */
  readonly text: string;
  readonly records: number;
  /** 0 where the connection was broken. */
  readonly answered: number;
}

/** The real collector behind a proxy that can fail. */
export interface FaultyCollector {
  readonly endpoint: string;
  /** `undefined` lets a request through. */
  fault: ((body: Buffer, records: number, url: string) => Fault | undefined) | undefined;
  /** Everything that came, in order. */
  readonly arrivals: readonly Arrival[];
  /** `requestId` of every record in the collector's log, in its order; one that is there twice is told twice. */
  stored(): Promise<readonly string[]>;
  /** What the exports in the log add up to: requests by outcome. */
  requests(): Promise<Readonly<Record<string, number>>>;
  /** Prometheus text since the collector's last start. */
  metrics(): Promise<string>;
  /** Stops and starts again on the same data, at another port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

const decompressed = (body: Buffer): string =>
  (body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body).toString();

const countRecords = (text: string): number => text.split('"timeUnixNano"').length - 1;

export async function startCollector(siteOrigin: string): Promise<FaultyCollector> {
  const data = await mkdtemp(join(tmpdir(), 'sonde-collector-'));
  const start = async () => {
    const models = ['shakespeare-gpt'];
    const collector = await createCollector({ data, origins: [siteOrigin], keys: ['pk_test'], models });
    return { collector, address: await collector.listen(0) };
  };
  let running = await start();
  const arrivals: Arrival[] = [];

  async function forward(request: IncomingMessage, body: Buffer): Promise<Response> {
    const { origin, 'content-type': type } = request.headers;
    return fetch(`${running.address}${request.url}`, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: { 'content-type': type ?? '', ...(origin === undefined ? {} : { origin }) },
    });
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request);
    const text = decompressed(body);
    const records = countRecords(text);
    const fault = faulty.fault?.(body, records, request.url ?? '');
    const note = (answered: number): void => {
      const { url = '', headers } = request;
      const contentType = headers['content-type'];
      arrivals.push({ at: Date.now(), url, contentType, body, text, records, answered });
    };
    if (fault?.kind === 'status') {
      note(fault.status);
      response.setHeader('access-control-allow-origin', request.headers.origin ?? '*');
      response.setHeader('access-control-expose-headers', 'retry-after');
      if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter);
      response.writeHead(fault.status).end(fault.body ?? '');
      return;
    }
    if (fault?.kind === 'drop') {
      note(0);
      request.socket.destroy();
      return;
    }
    const answer = await forward(request, body);
    note(fault === undefined ? answer.status : 0);
    if (fault?.kind === 'lost answer') {
      request.socket.destroy();
      return;
    }
    for (const [name, value] of answer.headers) {
      if (/^(access-control|retry-after|content-type|vary)/.test(name)) response.setHeader(name, value);
    }
    response.writeHead(answer.status).end(await answer.text());
  }

  const handling = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const handled = handle(request, response)
      .catch((error: unknown) => void response.writeHead(502).end(String(error)))
      .finally(() => handling.delete(handled));
    handling.add(handled);
  });
  const faulty: FaultyCollector = {
    endpoint: await listen(server),
    fault: undefined,
    arrivals,
    async stored() {
      const ids: string[] = [];
      await walkLog(data, (entries) => {
        for (const entry of entries) if (entry.kind === 'record') ids.push(entry.record.requestId);
      });
      // What the log shows may not be answered yet; after this it is among the arrivals.
      await Promise.all(handling);
      return ids;
    },
    async requests() {
      const totals: Record<string, number> = {};
      await walkLog(data, (entries) => {
        for (const entry of entries)
          for (const { metric, attributes, amount } of entry.kind === 'metrics' ? entry.points : [])
            if (metric === 'requests' && amount.kind === 'counter')
              totals[String(attributes.outcome)] = (totals[String(attributes.outcome)] ?? 0) + amount.value;
      });
      await Promise.all(handling);
      return totals;
    },
    metrics: async () => (await fetch(`${running.address}/metrics`)).text(),
    async restart() {
      await running.collector.close();
      running = await start();
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await running.collector.close();
      await rm(data, { recursive: true });
    },
  };
  return faulty;
}
