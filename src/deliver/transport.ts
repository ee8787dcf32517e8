import { readAnswer, type Verdict } from './answer.ts';

/** Fetches this small survive the page; they share 64 KiB in flight with beacons. */
const keepaliveUpTo = 16 * 1024;
/** A server that keeps silent is a failed one. */
const patienceMs = 30_000;

const headers = { 'content-type': 'text/plain' };

export const survivesThePage = (body: Uint8Array): boolean => body.length <= keepaliveUpTo;

/** `undefined` when there was no answer (status 0). */
export async function post(
  url: string,
  body: Uint8Array<ArrayBuffer>,
  keepalive: boolean,
): Promise<{ readonly status: number; readonly verdict: Verdict } | undefined> {
  try {
    const signal = AbortSignal.timeout(patienceMs);
    const init: RequestInit = { method: 'POST', body, headers, keepalive, signal, credentials: 'omit' };
    const response = await fetch(url, { ...init, cache: 'no-store', priority: 'low' });
    const verdict = readAnswer(
      response.status,
      response.headers.get('retry-after'),
      await response.text(),
      Date.now(),
    );
    return { status: response.status, verdict };
  } catch {
    return undefined;
  }
}

/** text/plain needs no preflight. True says queued, never delivered. */
export const beacon = (url: string, body: Uint8Array<ArrayBuffer>): boolean =>
  navigator.sendBeacon(url, new Blob([body], { type: 'text/plain' }));

/** Chromium 135: a request the browser sends by itself when the page is gone, a crash included. */
type FetchLater = (url: string, init: RequestInit) => unknown;

export function later(url: string, body: Uint8Array<ArrayBuffer>, signal: AbortSignal): void {
  const { fetchLater } = globalThis as { fetchLater?: FetchLater };
  try {
    fetchLater?.(url, { method: 'POST', body, headers, signal, credentials: 'omit' });
  } catch {
    // Over quota or forbidden by policy: the journal still has the records.
  }
}
