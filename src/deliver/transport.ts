import type { Chunk } from '../batch/messages.ts';
import type { Signal } from '../protocol/telemetry.ts';
import type { Verdict } from './answer.ts';

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
  /**
   * A request the browser sends by itself when the page is gone, a crash included; so only there, too.
   * @returns false where the browser takes none, or none more
   */
  readonly later?: (chunk: Chunk, signal: AbortSignal) => boolean;
}

/**
 * Where masked telemetry goes in place of Sonde's collector. What is sent stays in the journal until the backend took
 * it: an endpoint with a 2xx, a function by resolving. One that fails is asked again, later and later; no request
 * waits for it. What is under way when a page goes may come twice: only the collector knows the numbers and counts
 * each once.
 */
export type Backend = (signal: Signal) => Transport;
