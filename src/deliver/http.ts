import type { Signal } from '../protocol/telemetry.ts';
import { SondeError } from '../shared/errors.ts';
import { readAnswer } from './answer.ts';
import type { Answer } from './transport.ts';

/** A server that keeps silent is a failed one. */
const patienceMs = 30_000;

/** `undefined` when there was no answer (status 0). */
export async function post(
  url: string,
  body: Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>>,
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

/** @throws SondeError `invalid_argument` when the endpoint is not a URL */
export function signalUrl(endpoint: string, signal: Signal, query = ''): string {
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
