import { type Bytes, bytes } from '../shared/units.ts';
import { openByteCache } from './cache.ts';
import { download, isAbsent, refuseModel, type Sink } from './download.ts';
import { type ModelSource, refuseLonger } from './source.ts';

/** A folder behind a URL. Files are kept in Cache Storage and revalidated by their ETag. */
export function remoteSource(id: string, folder: string): ModelSource {
  const cache = openByteCache();
  return {
    id,
    async size(path) {
      const head = await fetch(new URL(path, folder), { method: 'HEAD' });
      refuseModel(head);
      const length = Number(head.headers.get('content-length') ?? Number.NaN);
      return head.ok && !isAbsent(head) ? bytes(length) : undefined;
    },
    async read(path, options = {}) {
      const url = new URL(path, folder).href;
      const cached = await (await cache)?.match(url);
      if (cached !== undefined && (await isFresh(url, cached.etag))) {
        const total = bytes(cached.body.byteLength);
        refuseLonger(path, total, options.limit);
        options.onProgress?.({ path, loaded: total, total, cached: true });
        return cached.body;
      }
      const sink = memorySink();
      const found = await download(url, path, sink, options);
      if (found === undefined) return undefined;
      const body = sink.body();
      await (await cache)?.put(url, body, found.etag);
      return body;
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

/** Known length: one buffer, filled in place, so that a 500 MB model is never held twice. */
function memorySink(): Sink & { body(): Uint8Array<ArrayBuffer> } {
  let buffer = new Uint8Array();
  let loaded = 0;
  return {
    get loaded() {
      return loaded;
    },
    restart(total: Bytes | undefined) {
      buffer = new Uint8Array(total ?? 1 << 16);
      loaded = 0;
    },
    write(chunk) {
      if (loaded + chunk.length > buffer.length) buffer = grown(buffer, loaded + chunk.length);
      buffer.set(chunk, loaded);
      loaded += chunk.length;
    },
    body: () => (loaded === buffer.length ? buffer : buffer.slice(0, loaded)),
  };
}

function grown(buffer: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(needed, buffer.length * 2));
  larger.set(buffer);
  return larger;
}
