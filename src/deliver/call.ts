import type { Signal } from '../protocol/telemetry.ts';
import { isGzip } from '../shared/gzip.ts';
import { milliseconds } from '../shared/units.ts';
import type { Verdict } from './answer.ts';
import type { Backend } from './transport.ts';

/** What a function of yours is given: an export request, of masked records only. */
export interface Exported {
  readonly signal: Signal;
  /** Records in it, or measurements that it adds up. */
  readonly records: number;
  /** OTLP/JSON: the body of a `POST /v1/logs` or `/v1/metrics`. */
  readonly body: string;
}

const patience = milliseconds(30_000);

const taken: Verdict = { kind: 'stored', ack: { kind: 'ack', stored: [], rejected: {} } };
const failed: Verdict = { kind: 'retry', reason: 'backend_failed' };

const gunzip = (body: Uint8Array<ArrayBuffer>): Promise<string> =>
  new Response(new Blob([body]).stream().pipeThrough(new DecompressionStream('gzip'))).text();

const tooLate = (): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(new Error('The backend did not resolve.')), patience));

/**
 * A function of yours, called on the page; a promise is waited for, for 30 s. What it throws is its own fault and
 * nobody else's: the export stays, and is given to it again.
 */
export const toFunction =
  (call: (exported: Exported) => void | Promise<void>, url = 'function'): Backend =>
  (signal) => ({
    url,
    async post({ body: bytes, count: records }) {
      try {
        // What is not packed is given in this very task: the page may be going.
        const body = isGzip(bytes) ? await gunzip(bytes) : new TextDecoder().decode(bytes);
        await Promise.race([call({ signal, records, body }), tooLate()]);
        return { status: 0, verdict: taken };
      } catch {
        return { status: 0, verdict: failed };
      }
    },
  });

/** The console of the page, to see while developing what would leave. */
export const toConsole = (): Backend =>
  toFunction(({ signal, records, body }) => {
    console.info(`sonde: ${records} ${signal === 'logs' ? 'records' : 'measurements'}`, JSON.parse(body));
  }, 'console');
