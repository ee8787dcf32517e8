/** Runs what is asked under one name one after the other, whatever became of the one before. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(work);
    this.#last.set(name, turn);
    return turn.finally(() => {
      if (this.#last.get(name) === turn) this.#last.delete(name);
    });
  }
}
