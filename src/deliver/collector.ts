import type { Signal } from '../protocol/telemetry.ts';
import { post, signalUrl } from './http.ts';
import type { Transport } from './transport.ts';

/** Chromium 135. */
type FetchLater = (url: string, init: RequestInit) => unknown;

/** Needs no preflight, and is what a beacon may carry. */
const asText = { 'content-type': 'text/plain' };

/** Sonde's collector: gzip is known by its first bytes, for a beacon sets no headers. */
export function collectorTransport(endpoint: string, signal: Signal, key: string | undefined): Transport {
  const url = signalUrl(endpoint, signal, key === undefined ? '' : `?key=${encodeURIComponent(key)}`);
  return {
    url,
    post: ({ body }, keepalive) => post(url, body, asText, keepalive),
    beacon: ({ body }) => navigator.sendBeacon(url, new Blob([body], { type: asText['content-type'] })),
    later({ body }, abort) {
      const { fetchLater } = globalThis as { fetchLater?: FetchLater };
      try {
        fetchLater?.(url, { method: 'POST', body, headers: asText, signal: abort, credentials: 'omit' });
        return fetchLater !== undefined;
      } catch {
        // Over quota or forbidden by policy: the journal still has the records.
        return false;
      }
    },
  };
}
