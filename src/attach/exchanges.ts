import type { OrtTensor } from '../run/runtime.ts';
import type { Feeds, Fetches } from '../run/sessions.ts';
import { SondeError } from '../shared/errors.ts';
import type { ObservedRequest } from './api.ts';
import { Exchange } from './exchange.ts';
import type { Scope } from './scopes.ts';
import type { Subject } from './subject.ts';

/** After this long without a run nothing more is expected of a generation. */
const silence = 1000;
/** Signals are reduced in pauses of the application, a frame's share at a time. */
const share = 4;

export interface ExchangeOptions {
  isHeard(): boolean;
  onEnd(request: ObservedRequest): void;
}

/** One run of one request, as the observer follows it. */
export interface FollowedRun {
  readonly exchange: Exchange;
  done(outputs: Fetches): void;
  failed(error: unknown): void;
}

/**
 * Tells requests apart by their data: a run that reads what another one gave (a cache, an encoder's states) belongs
 * to the same request, so generations that take turns on one session stay apart.
 */
export class Exchanges {
  readonly #options: ExchangeOptions;
  readonly #open = new Map<Exchange, ReturnType<typeof setTimeout> | undefined>();
  readonly #makers = new WeakMap<OrtTensor, Exchange>();

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  begin(subject: Subject, feeds: Feeds, scope: Scope | undefined): FollowedRun {
    const exchange =
      this.#find(subject, feeds) ?? new Exchange(scope?.context ?? {}, this.#options.isHeard());
    clearTimeout(this.#open.get(exchange));
    this.#open.set(exchange, undefined);
    exchange.begin(subject, feeds, scope?.capturing?.tapsOf(subject) ?? []);
    scope?.begun.add(exchange);
    return {
      exchange,
      done: (outputs) => {
        exchange.done(subject, feeds, outputs);
        for (const tensor of Object.values(outputs)) this.#makers.set(tensor, exchange);
        this.#rest(exchange);
      },
      failed: (error) => {
        exchange.failed(error instanceof SondeError ? error.code : 'run_failed');
        this.#rest(exchange);
      },
    };
  }

  #find(subject: Subject, feeds: Feeds): Exchange | undefined {
    const read = Object.values(feeds).flatMap((tensor) => this.#makers.get(tensor) ?? []);
    const [first, ...others] = [...new Set(read)]
      .filter((exchange) => this.#open.has(exchange))
      .sort((a, b) => b.runs - a.runs);
    // An embedding of one more token was a run of its own until the decoder read it.
    for (const other of others) if (!other.generates) this.#forget(other);
    if (first !== undefined || !subject.readsEncoder) return first;
    // The application may have copied the encoder's states on their way.
    return [...this.#open.keys()].findLast(
      (exchange) => !exchange.generates && exchange.subjects.some(({ prefix }) => prefix !== ''),
    );
  }

  #rest(exchange: Exchange): void {
    if (exchange.isRunning || !this.#open.has(exchange)) return;
    if (exchange.isComplete) {
      this.end(exchange);
      return;
    }
    this.#open.set(
      exchange,
      setTimeout(() => this.end(exchange), silence),
    );
    const reduce = (): void => {
      if (exchange.reduce(share)) setTimeout(reduce, 0);
    };
    setTimeout(reduce, 0);
  }

  /** For one that is known to be over; twice is harmless. */
  end(exchange: Exchange): void {
    if (this.#forget(exchange)) setTimeout(() => void this.#report(exchange), 0);
  }

  #forget(exchange: Exchange): boolean {
    clearTimeout(this.#open.get(exchange));
    return this.#open.delete(exchange);
  }

  async #report(exchange: Exchange): Promise<void> {
    try {
      while (exchange.reduce(share)) await new Promise((resolve) => setTimeout(resolve, 0));
      const request = await exchange.end();
      if (request !== undefined) this.#options.onEnd(request);
    } catch (error) {
      reportError(error);
    }
  }
}
