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

  get current(): Scope | undefined {
    return this.#current;
  }

  /** @throws SondeError `invalid_argument` for one that the `work` of another waits for: both would wait for ever */
  run<T>(scope: Scope, work: () => T | Promise<T>): Promise<T> {
    if (isInside()) {
      throw new SondeError(
        'invalid_argument',
        'A request or capture was begun inside another.',
        'Give the context to `capture(patterns, work, context)` instead.',
      );
    }
    const done = this.#tail.then(async () => {
      this.#current = scope;
      try {
        return await marked[mark](work);
      } finally {
        this.#current = undefined;
      }
    });
    this.#tail = done.catch(() => undefined);
    return done;
  }
}

const mark = 'workOfOneSondeScope';

/** A key keeps its name where a bundler shortens those of functions. */
const marked = {
  async [mark]<T>(work: () => T | Promise<T>): Promise<T> {
    // Without this `await` the frame is gone before the work is done.
    return await work();
  },
};

/**
 * Whether the work of a scope called, or waits for, what calls this. Engines tell who waits in the stack of an Error:
 * V8 always, others only before the work's first `await`.
 */
function isInside(): boolean {
  const errors = Error as { stackTraceLimit?: number };
  const { stackTraceLimit } = errors;
  errors.stackTraceLimit = Number.POSITIVE_INFINITY;
  try {
    return String(new Error().stack).includes(mark);
  } finally {
    if (stackTraceLimit === undefined) delete errors.stackTraceLimit;
    else errors.stackTraceLimit = stackTraceLimit;
  }
}
