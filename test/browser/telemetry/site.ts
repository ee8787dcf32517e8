import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

export const listen = (server: Server): Promise<string> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });

export interface Site {
  readonly origin: string;
  close(): Promise<void>;
}

/**
 * A test page as a production build, so what runs is what a user's bundler would make.
 * @param files a folder of files that are served as they are
 */
export async function serveSite(page = './page', files?: string): Promise<Site> {
  const root = fileURLToPath(new URL(page, import.meta.url));
  const outDir = await mkdtemp(join(tmpdir(), 'sonde-telemetry-'));
  await build({
    root,
    configFile: false,
    publicDir: files === undefined ? false : fileURLToPath(new URL(files, import.meta.url)),
    logLevel: 'warn',
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, target: 'es2022' },
  });
  const server = createServer(async ({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://127.0.0.1');
    const file = pathname === '/' ? '/index.html' : pathname;
    try {
      const body = await readFile(join(outDir, file));
      response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream').end(body);
    } catch {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<!doctype html><title>Nothing</title>');
    }
  });
  const origin = await listen(server);
  return {
    origin,
    async close() {
      server.closeAllConnections();
      server.close();
      await rm(outDir, { recursive: true });
    },
  };
}
