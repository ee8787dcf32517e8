import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { rangesOf, union } from '../../../src/batch/ranges.ts';
import { validateLogs } from '../../../src/schema/receive.ts';
import type { Ranges } from '../../../src/shared/control.ts';
import { listen } from './site.ts';

/** What the server does with a request instead of storing it; `undefined` stores. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string; readonly body?: string }
  /** The connection breaks before anything is read. */
  | { readonly kind: 'drop' }
  | { readonly kind: 'silence' };

export interface Arrival {
  readonly at: number;
  readonly bytes: number;
  readonly gzip: boolean;
  readonly contentType: string | undefined;
  readonly url: string;
  readonly answered: number;
}

export interface Receiver {
  readonly endpoint: string;
  fault: ((arrival: { readonly bytes: number; readonly nth: number }) => Fault | undefined) | undefined;
  readonly arrivals: readonly Arrival[];
  /** `requestId`s stored, each once. */
  readonly stored: ReadonlySet<string>;
  /** Records that came again and were recognised by their number. */
  readonly duplicates: number;
  /** Everything that came in, stored or not, as text. */
  readonly bodies: readonly string[];
  close(): void;
}

const read = async (request: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
};

/** Stores by number as the collector does, judged by the schema the collector uses. */
export async function startReceiver(): Promise<Receiver> {
  const stored = new Set<string>();
  const ranges = new Map<string, Ranges>();
  const arrivals: Arrival[] = [];
  const bodies: string[] = [];
  let duplicates = 0;

  function store(text: string): unknown {
    const logs = validateLogs(JSON.parse(text));
    if (logs.kind === 'malformed') throw new Error(`${logs.code}: ${logs.message}`);
    const touched = new Map<string, unknown>();
    const rejected: Record<string, number> = {};
    for (const { chunk, verdicts } of logs.chunks) {
      const { session, epoch, seq } = chunk;
      const life = `${session}:${epoch}`;
      for (const [index, verdict] of verdicts.entries()) {
        const known = ranges.get(life) ?? [];
        const after = union(known, rangesOf([seq + index]));
        if ('reject' in verdict) rejected[verdict.reject] = (rejected[verdict.reject] ?? 0) + 1;
        else if (JSON.stringify(after) === JSON.stringify(known)) duplicates += 1;
        else stored.add(verdict.record.requestId);
        ranges.set(life, after);
      }
      touched.set(life, { session, epoch, ranges: ranges.get(life) });
    }
    return { stored: [...touched.values()], rejected };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-expose-headers', 'retry-after');
    const fault = receiver.fault?.({
      bytes: Number(request.headers['content-length'] ?? 0),
      nth: arrivals.length,
    });
    if (fault?.kind === 'drop') {
      request.socket.destroy();
      return;
    }
    const body = await read(request);
    const gzip = body[0] === 0x1f && body[1] === 0x8b;
    const text = (gzip ? gunzipSync(body) : body).toString();
    bodies.push(text);
    const contentType = request.headers['content-type'];
    const log = (answered: number): void => {
      arrivals.push({
        at: Date.now(),
        bytes: body.length,
        gzip,
        contentType,
        url: request.url ?? '',
        answered,
      });
    };
    if (fault?.kind === 'silence') return log(0);
    if (fault?.kind === 'status') {
      log(fault.status);
      if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter);
      response.writeHead(fault.status).end(fault.body ?? '');
      return;
    }
    const answered = JSON.stringify(store(text));
    log(200);
    response.writeHead(200, { 'content-type': 'application/json' }).end(answered);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  const endpoint = await listen(server);
  const receiver: Receiver = {
    endpoint,
    fault: undefined,
    arrivals,
    stored,
    bodies,
    get duplicates() {
      return duplicates;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return receiver;
}
