import type { RequestContext } from '../protocol/request.ts';
import { SondeError } from '../shared/errors.ts';
import type { Capturing } from './capturing.ts';
import type { Exchange } from './exchange.ts';

/** What holds for every run while an application's `work` goes on. */
export interface Scope {
  readonly context: RequestContext;
  readonly capturing?: Capturing;
  /** Requests that began inside. */
  readonly begun: Set<Exchange>;
  runs: number;
}

/** One scope at a time: a thread without stacks of its own cannot tell whose run a run is. */
export class Scopes {
  #current: Scope | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #isEntering = false;

  get current(): Scope | undefined {
    return this.#current;
  }

  /**
   * @throws SondeError `invalid_argument` for one that begins within another, which would wait for itself. Only before
   * the other's first `await` is that seen: after it, nothing tells it from one that begins beside it.
   */
  run<T>(scope: Scope, work: () => T | Promise<T>): Promise<T> {
    if (this.#isEntering) {
      throw new SondeError(
        'invalid_argument',
        'A request or capture was begun inside another.',
        'Give the context to `capture(patterns, work, context)` instead.',
      );
    }
    const done = this.#tail.then(async () => {
      this.#current = scope;
      try {
        return await this.#enter(work);
      } finally {
        this.#current = undefined;
      }
    });
    this.#tail = done.catch(() => undefined);
    return done;
  }

  #enter<T>(work: () => T): T {
    this.#isEntering = true;
    try {
      return work();
    } finally {
      this.#isEntering = false;
    }
  }
}
