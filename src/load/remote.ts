import { SondeError } from '../shared/errors.ts';
import { type Bytes, bytes } from '../shared/units.ts';
import { type ByteCache, openByteCache } from './cache.ts';
import type { ModelSource, ReadOptions } from './source.ts';

const hubId = /^[\w.-]+\/[\w.-]+$/;

/** `org/name` is a hub id; anything else is the URL of a folder, resolved against `base`. */
export function folderUrl(model: string, base: string): { readonly id: string; readonly url: string } {
  if (hubId.test(model)) return { id: model, url: `https://huggingface.co/${model}/resolve/main/` };
  const url = new URL(model.endsWith('/') ? model : `${model}/`, base);
  return { id: url.pathname.split('/').filter(Boolean).at(-1) ?? url.hostname, url: url.href };
}

/** A folder behind a URL. Files are kept in Cache Storage and revalidated by their ETag. */
export function remoteSource(id: string, folder: string): ModelSource {
  const cache = openByteCache();
  return {
    id,
    async read(path, options = {}) {
      const url = new URL(path, folder).href;
      const cached = await (await cache)?.match(url);
      if (cached !== undefined && (await isFresh(url, cached.etag))) {
        const total = bytes(cached.body.byteLength);
        options.onProgress?.({ path, loaded: total, total, cached: true });
        return cached.body;
      }
      return download(url, path, await cache, options);
    },
  };
}

/** Offline, or a server without ETags: the cached copy is the best there is. */
async function isFresh(url: string, etag: string | undefined): Promise<boolean> {
  try {
    const head = await fetch(url, { method: 'HEAD' });
    if (!head.ok) return false;
    return etag === undefined || head.headers.get('etag') === etag;
  } catch {
    return true;
  }
}

async function download(
  url: string,
  path: string,
  cache: ByteCache | undefined,
  { onProgress, signal }: ReadOptions,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let response: Response;
  try {
    response = await fetch(url, signal === undefined ? {} : { signal });
  } catch (cause) {
    if (signal?.aborted) throw aborted(cause);
    throw new SondeError(
      'network',
      `${path} could not be fetched: the server did not answer.`,
      'Check the connection and the address, and that the server allows this origin.',
      { cause },
    );
  }
  // A single-page server answers any unknown path with its index page: that is no model file either.
  const isPage = response.headers.get('content-type')?.startsWith('text/html') ?? false;
  if (response.status === 404 || response.status === 401 || isPage) return undefined;
  if (!response.ok) {
    throw new SondeError(
      'network',
      `${path} could not be fetched: the server answered ${response.status}.`,
      'Try again later, or serve the model from your own origin.',
    );
  }
  const body = await readBody(response, path, onProgress, signal);
  await cache?.put(url, body, response.headers.get('etag') ?? undefined);
  return body;
}

async function readBody(
  response: Response,
  path: string,
  onProgress: ReadOptions['onProgress'],
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const total = plainLength(response);
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  // Known length: one buffer, filled in place, so that a 500 MB model is never held twice.
  let buffer = new Uint8Array(total ?? 1 << 16);
  let loaded = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (loaded + value.length > buffer.length) buffer = grown(buffer, loaded + value.length);
      buffer.set(value, loaded);
      loaded += value.length;
      onProgress?.({ path, loaded: bytes(loaded), ...(total === undefined ? {} : { total }), cached: false });
    }
  } catch (cause) {
    if (signal?.aborted) throw aborted(cause);
    throw new SondeError('network', `${path} broke off after ${loaded} bytes.`, 'Load the model again.', {
      cause,
    });
  }
  if (total !== undefined && loaded < total) {
    throw new SondeError(
      'network',
      `${path} ended after ${loaded} of ${total} bytes.`,
      'Load the model again.',
    );
  }
  return loaded === buffer.length ? buffer : buffer.slice(0, loaded);
}

/** Content-Length counts compressed bytes where a Content-Encoding is set, so it says nothing then. */
function plainLength(response: Response): Bytes | undefined {
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  if (!Number.isSafeInteger(length) || length <= 0 || response.headers.has('content-encoding'))
    return undefined;
  return bytes(length);
}

function grown(buffer: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(needed, buffer.length * 2));
  larger.set(buffer);
  return larger;
}

const aborted = (cause: unknown): SondeError =>
  new SondeError('aborted', 'Loading was stopped.', 'Load the model again when it is wanted.', { cause });
