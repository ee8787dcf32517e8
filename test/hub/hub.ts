import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join, normalize } from 'node:path';
import { type Listening, listen } from './listen.ts';

/** One request that came in, by either origin. */
export interface Asked {
  readonly at: 'hub' | 'cdn';
  readonly method: string;
  /** Path below the repository, e.g. `onnx/model.onnx`. */
  readonly path: string;
  readonly revision: string;
  readonly range?: string;
}

export interface Hub {
  /** Base address, as HF_ENDPOINT has it. */
  readonly origin: string;
  /** Where large files are redirected to: another origin. */
  readonly cdn: string;
  readonly asked: readonly Asked[];
  /** Ends the connection after so many bytes of the file's next download from the CDN. */
  breakNext(path: string, bytes: number): void;
  /** What the CDN sends for this file has these bytes instead; its announced digest stays. */
  corruptNext(path: string): void;
  close(): Promise<void>;
}

/** What the real hub lets scripts of other origins read. */
const cors = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers':
    'ETag,Accept-Ranges,Content-Range,X-Repo-Commit,X-Error-Code,X-Error-Message,X-Linked-Size,X-Linked-ETag',
  Vary: 'Origin',
};
const isLarge = (path: string): boolean => /\.(onnx|onnx[._]data(_\d+)?|bin|safetensors|data)$/.test(path);
const commit = createHash('sha1').update('the only commit').digest('hex');

/**
 * A model hub as the real one behaves: `/org/name/resolve/revision/path` redirects small files to a cache of its own
 * origin and large ones (LFS) to a CDN of another, announcing digest and size of those in X-Linked-ETag and
 * X-Linked-Size; the CDN answers ranges; an unknown repository is a 401, an unknown file a 404.
 * @param repositories folder by hub id, e.g. `tiny/gpt2`; every repository has the revisions `main`, `v1` and its commit
 */
export async function startHub(repositories: Readonly<Record<string, string>>): Promise<Hub> {
  const asked: Asked[] = [];
  const breaks = new Map<string, number>();
  const corrupt = new Set<string>();

  const cdn = await listen(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const [, org, name, revision = '', ...rest] = pathname.split('/').map(decodeURIComponent);
    const path = rest.join('/');
    note('cdn', request, revision, path);
    const file = await fileOf(`${org}/${name}`, path);
    if (file === undefined) return end(response, 404);
    const etag = await sha256(file.path);
    const whole = { ...cors, ETag: `"${etag}"`, 'Accept-Ranges': 'bytes' };
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start > 0 && start >= file.size)
      return end(response, 416, { ...whole, 'Content-Range': `bytes */${file.size}` });
    response.writeHead(start > 0 ? 206 : 200, {
      ...whole,
      'Content-Type': 'application/octet-stream',
      'Content-Length': file.size - start,
      ...(start > 0 ? { 'Content-Range': `bytes ${start}-${file.size - 1}/${file.size}` } : {}),
    });
    if (request.method === 'HEAD') return response.end();
    const most = breaks.get(path);
    breaks.delete(path);
    if (corrupt.delete(path)) return response.end(new Uint8Array(file.size - start));
    if (most === undefined || file.size - start <= most)
      return createReadStream(file.path, { start }).pipe(response);
    const bytes = (await readFile(file.path)).subarray(start, start + most);
    // Destroyed a moment later, so that what was written arrives.
    return response.write(bytes, () => setTimeout(() => response.destroy(), 50));
  });

  const hub = await listen(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const cached = url.pathname.startsWith('/api/resolve-cache/');
    const parts = url.pathname.replace('/api/resolve-cache/models', '').split('/').map(decodeURIComponent);
    const [, org, name] = parts;
    const [revision = '', ...rest] = cached ? parts.slice(3) : parts.slice(4);
    const path = rest.join('/');
    if (!cached) note('hub', request, revision, path);
    const id = `${org}/${name}`;
    if (repositories[id] === undefined) return end(response, 401, { 'X-Error-Code': 'RepoNotFound' });
    if (!['main', 'v1', 'refs/pr/1', commit].includes(revision))
      return end(response, 404, { 'X-Error-Code': 'RevisionNotFound' });
    const file = await fileOf(id, path);
    if (file === undefined) return end(response, 404, { 'X-Error-Code': 'EntryNotFound' });
    const headers = { ...cors, 'X-Repo-Commit': commit };
    if (isLarge(path)) {
      return end(response, 302, {
        ...headers,
        'X-Linked-ETag': `"${await sha256(file.path)}"`,
        'X-Linked-Size': file.size,
        Location: `${cdn.origin}/${id}/${commit}/${path}?X-Amz-Signature=0123456789abcdef`,
      });
    }
    const body = await readFile(file.path);
    const etag = createHash('sha1').update(`blob ${body.length}\0`).update(body).digest('hex');
    if (!cached)
      return end(response, 307, {
        ...headers,
        ETag: `"${etag}"`,
        Location: `/api/resolve-cache/models/${id}/${commit}/${path}?etag=${etag}`,
      });
    response.writeHead(200, {
      ...headers,
      ETag: `"${etag}"`,
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': body.length,
    });
    return response.end(request.method === 'HEAD' ? undefined : body);
  });

  function note(at: Asked['at'], request: IncomingMessage, revision: string, path: string): void {
    const { method = 'GET', headers } = request;
    asked.push({
      at,
      method,
      path,
      revision,
      ...(headers.range === undefined ? {} : { range: headers.range }),
    });
  }

  async function fileOf(id: string, path: string): Promise<{ path: string; size: number } | undefined> {
    const folder = repositories[id];
    if (folder === undefined || normalize(path).startsWith('..')) return undefined;
    const found = await stat(join(folder, path)).catch(() => undefined);
    return found?.isFile() ? { path: join(folder, path), size: found.size } : undefined;
  }

  return {
    origin: hub.origin,
    cdn: cdn.origin,
    asked,
    breakNext: (path, bytes) => void breaks.set(path, bytes),
    corruptNext: (path) => void corrupt.add(path),
    close: async () => void (await Promise.all([hub, cdn].map((server: Listening) => server.close()))),
  };
}

const end = (response: ServerResponse, status: number, headers: Record<string, string | number> = {}) =>
  response.writeHead(status, { ...cors, ...headers }).end();

const sha256 = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
