import type { Chunk } from '../batch/messages.ts';
import type { Destination, Exported, Signal } from '../protocol/telemetry.ts';
import type { Verdict } from './answer.ts';
import { callTransport } from './call.ts';
import { collectorTransport, otlpTransport } from './http.ts';

export interface Answer {
  /** 0 where it was no HTTP. */
  readonly status: number;
  readonly verdict: Verdict;
}

/** How chunks of one signal leave the page. */
export interface Transport {
  /** Where to, for whoever watches. */
  readonly url: string;
  /** @param keepalive it is to outlive the page @returns `undefined` when there was no answer */
  post(chunk: Chunk, keepalive: boolean): Promise<Answer | undefined>;
  /** True says queued, never delivered. Only where what comes twice counts once, for it has no answer. */
  readonly beacon?: (chunk: Chunk) => boolean;
  /** A request the browser sends by itself when the page is gone, a crash included; so only there, too. */
  readonly later?: (chunk: Chunk, signal: AbortSignal) => void;
}

const toConsole = ({ signal, records, body }: Exported): void =>
  console.info(`sonde: ${records} ${signal === 'logs' ? 'records' : 'measurements'}`, JSON.parse(body));

/** @throws SondeError `invalid_argument` when the endpoint is not a URL */
export function transportTo(destination: Destination, signal: Signal): Transport {
  if ('endpoint' in destination) return collectorTransport(destination.endpoint, signal, destination.key);
  const { backend } = destination;
  if (backend === 'console') return callTransport('console', signal, toConsole);
  return typeof backend === 'function'
    ? callTransport('function', signal, backend)
    : otlpTransport(backend.otlp, signal, backend.headers);
}
