/** Work that is asked for more often than it is worth: done at once, then at most every `everyMs` while asked for. */
export class Throttle {
  readonly #everyMs: number;
  readonly #work: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAsked = false;

  constructor(everyMs: number, work: () => void) {
    this.#everyMs = everyMs;
    this.#work = work;
  }

  soon(): void {
    this.#isAsked = true;
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#isAsked) this.soon();
    }, this.#everyMs);
    // Once for all of a task, and before the worker can block on the next run.
    queueMicrotask(() => {
      this.#isAsked = false;
      this.#work();
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
