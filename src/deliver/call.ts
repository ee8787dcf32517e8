import type { Exported, Signal } from '../protocol/telemetry.ts';
import { isGzip } from '../shared/gzip.ts';
import { milliseconds } from '../shared/units.ts';
import type { Verdict } from './answer.ts';
import type { Transport } from './transport.ts';

const patience = milliseconds(30_000);

const taken: Verdict = { kind: 'stored', ack: { kind: 'ack', stored: [], rejected: {} } };
const failed: Verdict = { kind: 'retry', reason: 'backend_failed' };

const gunzip = (body: Uint8Array<ArrayBuffer>): Promise<string> =>
  new Response(new Blob([body]).stream().pipeThrough(new DecompressionStream('gzip'))).text();

const tooLate = (): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(new Error('The backend did not resolve.')), patience));

/** What it throws is its own fault and nobody else's: the chunk stays, and is given to it again. */
export const callTransport = (
  url: string,
  signal: Signal,
  call: (exported: Exported) => void | Promise<void>,
): Transport => ({
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
