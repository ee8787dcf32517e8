import { setTimeout as sleep } from 'node:timers/promises';
import { encodeBody, type Item, type Signal, signalOf } from './body.ts';
import { loadCursor, saveCursor } from './cursor.ts';
import { type End, LogReader } from './reader.ts';
import { send } from './send.ts';

export interface ForwardOptions {
  /** Base URL, to which `/v1/logs` and `/v1/metrics` are appended. */
  readonly endpoint: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What became of items; `dropped` stay in the log all the same. */
export interface ForwardMetrics {
  forwarded(signal: Signal, items: number): void;
  dropped(reason: 'too_large' | 'refused', items: number): void;
  waiting(isWaiting: boolean): void;
}

export interface ForwardParts extends ForwardOptions {
  readonly folder: string;
  /** Where the log ends on disk now. */
  readonly end: () => End;
  readonly metrics: ForwardMetrics;
}

const idle = 250;
const leastWait = 500;
const mostWait = 60_000;

/**
 * Sends on what is in the log, in its order, to any OTLP/HTTP endpoint. The log is the queue: a cursor says how far it
 * went, and is moved once what lies before it was taken. Killed in between, it sends a little again.
 */
export class Forwarder {
  readonly #parts: ForwardParts;
  readonly #reader: LogReader;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** The first segment of which something is still to be sent. */
  #segment: number;
  #hasSent = false;

  private constructor(parts: ForwardParts, reader: LogReader) {
    this.#parts = parts;
    this.#reader = reader;
    this.#segment = reader.segment;
    this.#running = this.#run().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  static async start(parts: ForwardParts): Promise<Forwarder> {
    return new Forwarder(parts, new LogReader(parts.folder, await loadCursor(parts.folder)));
  }

  get segment(): number {
    return this.#segment;
  }

  async #run(): Promise<void> {
    const { folder, end } = this.#parts;
    for (;;) {
      const part = await this.#reader.next(end());
      if (part === undefined) {
        await sleep(idle, undefined, { signal: this.#stop.signal });
        continue;
      }
      for (const signal of ['logs', 'metrics'] as const) {
        const items = part.entries.filter((entry): entry is Item => signalOf(entry) === signal);
        if (items.length > 0) await this.#deliver(signal, items);
      }
      await saveCursor(folder, part.cursor);
      this.#segment = part.cursor.segment;
    }
  }

  /** Resolves when each item was taken, or can be taken by nobody. */
  async #deliver(signal: Signal, items: readonly Item[]): Promise<void> {
    const { endpoint, headers = {}, metrics } = this.#parts;
    const body = encodeBody(signal, items);
    for (let failures = 0; ; failures++) {
      const answer = await send(`${endpoint}/v1/${signal}`, headers, body, this.#stop.signal);
      this.#stop.signal.throwIfAborted();
      metrics.waiting(answer.kind === 'later');
      if (answer.kind === 'taken') {
        this.#hasSent = true;
        metrics.forwarded(signal, items.length - answer.rejected);
        if (answer.rejected > 0) metrics.dropped('refused', answer.rejected);
        return;
      }
      if (answer.kind !== 'later' && items.length > 1) {
        const half = items.length >> 1;
        await this.#deliver(signal, items.slice(0, half));
        return this.#deliver(signal, items.slice(half));
      }
      // One that refuses whatever comes is not what it was taken for: nothing is given up for it.
      if (answer.kind === 'too_large' || (answer.kind === 'refused' && this.#hasSent)) {
        metrics.dropped(answer.kind, 1);
        return;
      }
      const wait = answer.kind === 'later' ? answer.wait : undefined;
      const grown = Math.min(mostWait, leastWait * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
      await sleep(wait ?? grown, undefined, { signal: this.#stop.signal });
    }
  }

  /** What was not taken yet is sent after the next start. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
