import { gunzipSync } from 'node:zlib';
import type { FastifyError } from 'fastify';
import secureJson from 'secure-json-parse';
import { isGzip } from '../shared/gzip.ts';

/** A beacon's body is at most what a browser lets fly. */
export const beaconBytes = 64 * 1024;
/** Of a JSON body, and of any body once decompressed. */
export const jsonBytes = 1024 * 1024;
/** Records of one chunk repeat each other about tenfold; a bomb does so a thousandfold. */
const mostRatio = 100;
/** Most bodies in one piece: in Node's pieces of 16 KiB it takes twice as long. */
const chunkBytes = 128 * 1024;
/** OTLP's own nesting ends at about 14. */
const mostDepth = 32;

/** Why a request is answered with 4xx. `code` is one of a closed set, `message` quotes nothing that was sent. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Fastify's own refusals in the collector's words; anything else is our fault and says nothing of the input. */
export function toRefusal(error: FastifyError | Refusal): Refusal {
  if (error instanceof Refusal) return error;
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new Refusal(
      413,
      'too_large',
      'The body is too large: 64 KiB as text/plain, 1 MiB as application/json.',
    );
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new Refusal(
      415,
      'bad_content_type',
      'Send application/json (an OpenTelemetry SDK: OTEL_EXPORTER_OTLP_PROTOCOL=http/json), or text/plain from a beacon.',
    );
  const status = error.statusCode ?? 500;
  if (status < 500)
    return new Refusal(status, 'bad_request', 'The request is not valid HTTP for this address.');
  return new Refusal(500, 'internal', 'The collector failed on this request; its log says where.');
}

/** @param keys of which a request must name one; none = no key is asked for */
export function requireKey(key: string | undefined, keys: ReadonlySet<string>): void {
  if (keys.size > 0 && (key === undefined || !keys.has(key)))
    throw new Refusal(401, 'bad_key', 'The `key` in the URL is missing or not known here.');
}

export const notStored = (
  message = 'The collector could not write to its disk. Send it again later.',
): Refusal => new Refusal(503, 'not_stored', message);

function gunzip(bytes: Buffer): Buffer {
  try {
    const maxOutputLength = Math.min(jsonBytes, bytes.length * mostRatio);
    return gunzipSync(bytes, { maxOutputLength, chunkSize: Math.min(chunkBytes, maxOutputLength) });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
      throw new Refusal(
        413,
        'too_large',
        `The body is too large: over ${jsonBytes} bytes or ${mostRatio} times itself.`,
      );
    throw new Refusal(400, 'bad_gzip', 'The gzip body is damaged or cut off.');
  }
}

/** Deepest nesting, counted before parsing, so that depth costs no stack. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x5d || code === 0x7d) depth--;
  }
  return deepest;
}

/** An OTLP/JSON body, gzip or plain, told apart by its first two bytes: a beacon sets no headers. */
export const unpack = (bytes: Buffer): Buffer => (isGzip(bytes) ? gunzip(bytes) : bytes);

const utf8 = new TextDecoder('utf-8', { fatal: true });

export function parseBody(bytes: Buffer): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new Refusal(400, 'bad_json', 'The body is not UTF-8.');
  }
  return parseText(text);
}

export function parseText(text: string): unknown {
  if (depthOf(text) > mostDepth)
    throw new Refusal(400, 'too_deep', `The JSON is nested over ${mostDepth} deep.`);
  try {
    return secureJson.parse(text);
  } catch {
    throw new Refusal(400, 'bad_json', 'The body is not JSON, or names a prototype.');
  }
}
