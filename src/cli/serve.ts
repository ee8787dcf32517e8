import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
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

/**
 * Serves folders to browsers of this machine, on a free port, cross-origin isolated. `/blank` is an empty page.
 * @param mounts URL prefix (with a slash at its end) to folder; the longest prefix that fits wins
 */
export async function serveFolders(mounts: Readonly<Record<string, string>>): Promise<Served> {
  const prefixes = Object.keys(mounts).sort((a, b) => b.length - a.length);

  async function fileAt(path: string): Promise<{ path: string; size: number } | undefined> {
    const prefix = prefixes.find((candidate) => path.startsWith(candidate));
    if (prefix === undefined) return undefined;
    const folder = resolve(mounts[prefix] ?? '');
    const file = resolve(folder, `.${sep}${path.slice(prefix.length)}`);
    if (!file.startsWith(folder + sep)) return undefined;
    const found = await stat(file).catch(() => undefined);
    return found?.isFile() ? { path: file, size: found.size } : undefined;
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
    const file = await fileAt(path.endsWith('/') ? `${path}index.html` : path);
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      ...isolation,
      'Content-Type': contentTypes[extname(file.path)] ?? 'application/octet-stream',
      'Content-Length': file.size,
    });
    createReadStream(file.path).pipe(response);
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
