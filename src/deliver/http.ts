import type { Signal } from '../protocol/telemetry.ts';
import { SondeError } from '../shared/errors.ts';
import { isGzip } from '../shared/gzip.ts';
import { readAnswer } from './answer.ts';
import type { Answer, Transport } from './transport.ts';

/** A server that keeps silent is a failed one. */
const patienceMs = 30_000;

type Headers = Readonly<Record<string, string>>;

async function post(
  url: string,
  body: Uint8Array<ArrayBuffer>,
  headers: Headers,
  keepalive: boolean,
): Promise<Answer | undefined> {
  try {
    const signal = AbortSignal.timeout(patienceMs);
    const init: RequestInit = { method: 'POST', body, headers, keepalive, signal, credentials: 'omit' };
    const response = await fetch(url, { ...init, cache: 'no-store', priority: 'low' });
    const { status } = response;
    const text = await response.text();
    return { status, verdict: readAnswer(status, response.headers.get('retry-after'), text, Date.now()) };
  } catch {
    return undefined;
  }
}

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
      } catch {
        // Over quota or forbidden by policy: the journal still has the records.
      }
    },
  };
}

/** Any other OTLP/HTTP endpoint: the stock OpenTelemetry Collector refuses text/plain. */
export function otlpTransport(endpoint: string, signal: Signal, headers: Headers = {}): Transport {
  const url = signalUrl(endpoint, signal);
  const asJson = { ...headers, 'content-type': 'application/json' };
  return {
    url,
    post: ({ body }, keepalive) =>
      post(url, body, isGzip(body) ? { ...asJson, 'content-encoding': 'gzip' } : asJson, keepalive),
  };
}

function signalUrl(endpoint: string, signal: Signal, query = ''): string {
  try {
    return new URL(`${endpoint.replace(/\/$/, '')}/v1/${signal}${query}`, location.href).href;
  } catch (cause) {
    throw new SondeError(
      'invalid_argument',
      'The telemetry endpoint is not a URL.',
      'Give `telemetry.endpoint` as a path like `/telemetry` or as a full address.',
      { cause },
    );
  }
}
