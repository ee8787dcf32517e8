import { Refusal } from './body.ts';

/** One reading of the whole log for somebody at a time; what reads it in the background waits meanwhile. */
export class Alone {
  #working: Promise<unknown> | undefined;

  /** @throws Refusal 429 while somebody else's goes on */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#working !== undefined)
      throw new Refusal(429, 'busy', 'The log is being read for somebody else; ask again later.');
    const working = work();
    this.#working = working.catch(() => undefined);
    try {
      return await working;
    } finally {
      this.#working = undefined;
    }
  }

  /** Resolves when nobody's goes on. */
  async quiet(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }
}
