import { isGzip } from '../shared/gzip.ts';
import { post, signalUrl } from './http.ts';
import type { Backend } from './transport.ts';

/**
 * Any other OTLP/HTTP endpoint, such as an OpenTelemetry Collector's. It must allow the page's origin (CORS).
 * @param endpoint base URL; `/v1/logs` and `/v1/metrics` are appended
 * @param headers such as a token
 */
export function toOtlp(endpoint: string, headers: Readonly<Record<string, string>> = {}): Backend {
  // The stock collector refuses text/plain.
  const asJson = { ...headers, 'content-type': 'application/json' };
  return (signal) => {
    const url = signalUrl(endpoint, signal);
    return {
      url,
      post: ({ body }, keepalive) =>
        post(url, body, isGzip(body) ? { ...asJson, 'content-encoding': 'gzip' } : asJson, keepalive),
    };
  };
}
