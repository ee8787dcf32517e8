import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, resolve, sep } from 'node:path';

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
};

/** What gives a page threads and shared memory. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export interface Served {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  close(): Promise<void>;
}

/** What is served under a prefix: a folder of this machine, or whatever gives bytes for paths. */
export type Mount = string | { read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> };

interface Found {
  readonly size: number;
  send(response: ServerResponse): void;
}

/**
 * Serves folders to browsers of this machine, on a free port, cross-origin isolated. `/blank` is an empty page.
 * @param mounts by URL prefix (with a slash at its end); the longest prefix that fits wins
 */
export async function serveFolders(mounts: Readonly<Record<string, Mount>>): Promise<Served> {
  const prefixes = Object.keys(mounts).sort((a, b) => b.length - a.length);

  async function fileAt(path: string): Promise<Found | undefined> {
    const prefix = prefixes.find((candidate) => path.startsWith(candidate));
    const mount = mounts[prefix ?? ''];
    if (prefix === undefined || mount === undefined) return undefined;
    if (typeof mount !== 'string') {
      const body = await mount.read(path.slice(prefix.length));
      return body && { size: body.byteLength, send: (response) => response.end(body) };
    }
    const folder = resolve(mount);
    const file = resolve(folder, `.${sep}${path.slice(prefix.length)}`);
    if (!file.startsWith(folder + sep)) return undefined;
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile()) return undefined;
    return { size: found.size, send: (response) => createReadStream(file).pipe(response) };
  }

  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = /%(?![0-9a-f]{2})/i.test(pathname) ? '' : decodeURIComponent(pathname);
    if (path === '/blank') {
      response
        .writeHead(200, { ...isolation, 'Content-Type': 'text/html' })
        .end('<!doctype html><title>sonde</title>');
      return;
    }
    const name = path.endsWith('/') ? `${path}index.html` : path;
    const file = await fileAt(name).catch(() => undefined);
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      ...isolation,
      'Content-Type': contentTypes[extname(name)] ?? 'application/octet-stream',
      'Content-Length': file.size,
    });
    file.send(response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
