import { SondeError } from '../shared/errors.ts';
import { type Bytes, bytes } from '../shared/units.ts';
import { isAbsent, noAnswer, refuseModel } from './download.ts';

/** What a server says of a file before it sends it. */
export interface Head {
  /** Without its quotes; of a large file of a hub it is the SHA-256 of the content. */
  readonly etag?: string;
  readonly size?: Bytes;
}

const mostHops = 8;

/**
 * Asks for a file's ETag and length. A hub redirects large files to another origin and says on the way, in
 * X-Linked-ETag and X-Linked-Size, what will be found there; a browser may not read that, Node may.
 * @returns undefined where there is no such file
 * @throws SondeError `network` | `model_not_found`
 */
export async function headOf(address: string, path: string): Promise<Head | undefined> {
  let url = address;
  for (let hop = 0; hop < mostHops; hop++) {
    const response = await fetch(url, { method: 'HEAD', redirect: 'manual' }).catch((cause: unknown) => {
      throw noAnswer(path, cause);
    });
    refuseModel(response);
    if (isAbsent(response)) return undefined;
    const { headers, status } = response;
    const linked = headers.get('x-linked-etag');
    if (linked !== null) return facts(linked, headers.get('x-linked-size'));
    const location = headers.get('location');
    if (response.ok) return facts(headers.get('etag'), headers.get('content-length'));
    if (status < 300 || status > 399 || location === null) throw unusable(path, `answered ${status}`);
    url = new URL(location, url).href;
  }
  throw unusable(path, `redirected more than ${mostHops} times`);
}

function facts(etag: string | null, size: string | null): Head {
  const length = size === null ? Number.NaN : Number(size);
  return {
    ...(etag === null ? {} : { etag: etag.replace(/^W\//, '').replace(/^"|"$/g, '') }),
    ...(Number.isSafeInteger(length) && length >= 0 ? { size: bytes(length) } : {}),
  };
}

const unusable = (path: string, what: string): SondeError =>
  new SondeError(
    'network',
    `${path} could not be fetched: the server ${what}.`,
    'Try again later, or name a folder on this machine.',
  );
