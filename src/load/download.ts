import { SondeError } from '../shared/errors.ts';
import { type Bytes, bytes } from '../shared/units.ts';
import { type ReadOptions, refuseLonger } from './source.ts';

/** Where the bytes of a download go: a buffer, or a file that a later process continues. */
export interface Sink {
  readonly loaded: number;
  write(chunk: Uint8Array): Promise<void> | void;
  /** Forgets what was written: the server sends the file from its start. */
  restart(total: Bytes | undefined): Promise<void> | void;
}

/** Pauses before a broken transfer is continued, in milliseconds; after the last the download has failed. */
const pauses = [100, 300, 900];

/**
 * Fetches a file into a sink. What breaks off is continued by a range request, if the server still has the same file.
 * @returns the file's ETag where it has one; undefined where there is no such file
 * @throws SondeError `network` | `aborted` | `model_invalid` (longer than the limit) | `model_not_found`
 */
export async function download(
  url: string,
  path: string,
  sink: Sink,
  { onProgress, signal, limit }: ReadOptions,
): Promise<{ readonly etag?: string } | undefined> {
  let etag: string | undefined;
  for (let attempt = 0; ; attempt++) {
    const response = await ask(url, path, sink.loaded, signal);
    if (isAbsent(response)) return undefined;
    const known = etag;
    etag = response.headers.get('etag') ?? undefined;
    const isRest = continues(response, sink.loaded) && (known ?? etag) === etag;
    const total = totalOf(response, isRest ? sink.loaded : 0);
    try {
      if (total !== undefined) refuseLonger(path, total, limit);
      if (!isRest) await sink.restart(total);
      // The rest of a file that changed meanwhile fits to nothing.
      if (response.status === 206 && !isRest) throw new RangeError('another file');
      await drain(response, sink, (loaded) => {
        refuseLonger(path, loaded, limit);
        onProgress?.({
          path,
          loaded: bytes(loaded),
          ...(total === undefined ? {} : { total }),
          cached: false,
        });
      });
      if (total !== undefined && sink.loaded < total) throw new RangeError(`ended before ${total} bytes`);
      return etag === undefined ? {} : { etag };
    } catch (cause) {
      await response.body?.cancel().catch(() => undefined);
      if (signal?.aborted) throw aborted(cause);
      if (cause instanceof SondeError) throw cause;
      const pause = pauses[attempt];
      if (pause === undefined) throw brokeOff(path, sink.loaded, cause);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

const continues = ({ status, headers }: Response, loaded: number): boolean =>
  status === 206 && Number(/^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1]) === loaded;

async function ask(
  url: string,
  path: string,
  from: number,
  signal: AbortSignal | undefined,
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, {
      ...(signal === undefined ? {} : { signal }),
      ...(from === 0 ? {} : { headers: { Range: `bytes=${from}-` } }),
    });
  } catch (cause) {
    if (signal?.aborted) throw aborted(cause);
    throw noAnswer(path, cause);
  }
  refuseModel(response);
  if (response.ok || isAbsent(response)) return response;
  throw new SondeError(
    'network',
    `${path} could not be fetched: the server answered ${response.status}.`,
    'Try again later, or serve the model from your own origin.',
  );
}

export const noAnswer = (path: string, cause: unknown): SondeError =>
  new SondeError(
    'network',
    `${path} could not be fetched: the server did not answer.`,
    'Check the connection and the address, and that the server allows this origin.',
    { cause },
  );

/** A single-page server answers any unknown path with its index page: that is no model file either. */
export function isAbsent({ status, headers }: Response): boolean {
  const isPage = headers.get('content-type')?.startsWith('text/html') ?? false;
  return status === 404 || status === 401 || isPage;
}

/** @throws SondeError `model_not_found` where a hub says that it is the model that it does not give, not one file */
export function refuseModel({ headers }: Response): void {
  const code = headers.get('x-error-code');
  if (code === null || code === 'EntryNotFound') return;
  throw new SondeError(
    'model_not_found',
    `The hub does not give this model (${code}).`,
    'Check id and revision. A gated model has to be downloaded with your own account: then name its folder.',
  );
}

async function drain(response: Response, sink: Sink, onLoaded: (loaded: number) => void): Promise<void> {
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const part = await reader?.read();
      if (part?.value === undefined) return;
      await sink.write(part.value);
      onLoaded(sink.loaded);
    }
  } finally {
    reader?.releaseLock();
  }
}

/** Content-Length counts compressed bytes where a Content-Encoding is set, so it says nothing then. */
function totalOf({ headers }: Response, before: number): Bytes | undefined {
  const length = Number(headers.get('content-length') ?? Number.NaN);
  if (!Number.isSafeInteger(length) || length <= 0 || headers.has('content-encoding')) return undefined;
  return bytes(before + length);
}

const brokeOff = (path: string, loaded: number, cause: unknown): SondeError =>
  new SondeError('network', `${path} broke off after ${loaded} bytes.`, 'Load the model again.', { cause });

const aborted = (cause: unknown): SondeError =>
  new SondeError('aborted', 'Loading was stopped.', 'Load the model again when it is wanted.', { cause });
