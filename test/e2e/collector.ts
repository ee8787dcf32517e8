import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A request as the collector's socket saw it, with its body unpacked where it was gzip. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: string;
  readonly body: string;
}

/** The real collector as its own process, behind a proxy that writes down every byte of every request. */
export interface RunningCollector {
  /** Where a browser opens the playground. */
  readonly url: string;
  readonly data: string;
  readonly received: readonly Received[];
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts the collector again over the same data, at the same address. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startCollector(...argv: readonly string[]): Promise<RunningCollector> {
  const data = await mkdtemp(join(tmpdir(), 'sonde-data-'));
  const received: Received[] = [];
  let child: ChildProcess;
  let port: number;
  const start = async (): Promise<void> => {
    ({ child, port } = await spawnCollector(data, argv));
  };
  await start();
  const proxy = await openProxy(() => port, received);
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    data,
    received,
    kill: (signal) =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill(signal);
      }),
    restart: start,
    async close() {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** What `sonde` prints for these arguments. */
export function sondeOutput(...argv: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['bin/sonde.js', ...argv], { cwd: root });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.once('error', reject);
    child.once('exit', () => resolve(output));
  });
}

function spawnCollector(
  data: string,
  argv: readonly string[],
): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, ['bin/sonde.js', 'collect', '--port', '0', '--data', data, ...argv], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    let said = '';
    const listen = (chunk: Buffer): void => {
      said += chunk.toString();
      const port = /Playground: http:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (port !== undefined) resolve({ child, port: Number(port) });
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('exit', (code) => reject(new Error(`the collector ended with ${code}:\n${said}`)));
  });
}

async function openProxy(port: () => number, received: Received[]): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const raw = Buffer.concat(chunks);
      received.push(describe(incoming, raw));
      const { method = 'GET', url: path = '/', headers } = incoming;
      const forward = request({ host: '127.0.0.1', port: port(), method, path, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        // A collector that dies in the middle of an answer breaks the connection off, as it would without us.
        answer.once('error', () => outgoing.destroy());
        answer.pipe(outgoing);
      });
      // A collector that is down looks like one: no answer at all.
      forward.on('error', () => outgoing.destroy());
      forward.end(raw);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function describe(incoming: IncomingMessage, raw: Buffer): Received {
  const packed = raw[0] === 0x1f && raw[1] === 0x8b;
  return {
    method: incoming.method ?? '',
    url: incoming.url ?? '',
    headers: incoming.rawHeaders.join('\n'),
    body: (packed ? gunzipSync(raw) : raw).toString('utf8'),
  };
}
