import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { retryAfter } from '../../shared/retry-after.ts';

/** What an endpoint did with a body. `later`: wait so long (ms), or as long as one sees fit. */
export type Answer =
  | { readonly kind: 'taken'; readonly rejected: number }
  | { readonly kind: 'later'; readonly wait?: number }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'refused'; readonly status: number };

const timeout = 30_000;
const compress = promisify(gzip);

/** How many of a body's records a 200 says it did not take. */
function rejectedIn(text: string): number {
  try {
    const { partialSuccess } = JSON.parse(text) as {
      partialSuccess?: { rejectedLogRecords?: string; rejectedDataPoints?: string };
    };
    return Number(partialSuccess?.rejectedLogRecords ?? partialSuccess?.rejectedDataPoints ?? 0) || 0;
  } catch {
    return 0;
  }
}

/** Sends one body, once. Never throws: what went wrong on the way is `later`. */
export async function send(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  stop: AbortSignal,
): Promise<Answer> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: await compress(body),
      redirect: 'error',
      signal: AbortSignal.any([stop, AbortSignal.timeout(timeout)]),
    });
    text = await response.text();
  } catch {
    return { kind: 'later' };
  }
  const { status } = response;
  if (response.ok) return { kind: 'taken', rejected: rejectedIn(text) };
  // OpenTelemetry's Collector answers 400 where 413 is meant.
  if (status === 413 || (status === 400 && text.includes('too large'))) return { kind: 'too_large' };
  if (status === 400 || status === 422) return { kind: 'refused', status };
  // A wrong address or key is the operator's to mend, so nothing is given up for it.
  const wait = retryAfter(response.headers.get('retry-after'), Date.now());
  return { kind: 'later', ...(wait === undefined ? {} : { wait }) };
}
