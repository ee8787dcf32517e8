import { modelCache } from '../shared/storage.ts';

export interface CachedFile {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly etag?: string;
}

export interface ByteCache {
  match(url: string): Promise<CachedFile | undefined>;
  put(url: string, body: Uint8Array<ArrayBuffer>, etag: string | undefined): Promise<void>;
}

/**
 * Model files by URL in Cache Storage: public bytes, nothing about the person. Where storage is blocked or
 * absent (Node, a private window) there is no cache, and every load fetches.
 */
export async function openByteCache(): Promise<ByteCache | undefined> {
  let cache: Cache;
  try {
    cache = await caches.open(modelCache);
  } catch {
    return undefined;
  }
  return {
    async match(url) {
      const response = await cache.match(url);
      if (response === undefined) return undefined;
      const etag = response.headers.get('etag') ?? undefined;
      const body = new Uint8Array(await response.arrayBuffer());
      return etag === undefined ? { body } : { body, etag };
    },
    async put(url, body, etag) {
      try {
        await cache.put(url, new Response(body, { headers: etag === undefined ? {} : { etag } }));
      } catch {
        // Over quota: the file is in memory already, only the next visit is slower.
      }
    },
  };
}
