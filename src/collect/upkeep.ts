/** Work on what is stored, every so often, one round at a time. Nobody who sends or asks waits for it. */
export class Upkeep {
  readonly #timer: NodeJS.Timeout;
  #round: Promise<void> = Promise.resolve();
  #isBusy = false;

  constructor(interval: number, round: () => Promise<void>, onError: (error: unknown) => void) {
    const begin = (): void => {
      if (this.#isBusy) return;
      this.#isBusy = true;
      this.#round = round()
        .catch(onError)
        .finally(() => {
          this.#isBusy = false;
        });
    };
    this.#timer = setInterval(begin, interval);
    this.#timer.unref();
    begin();
  }

  /** Resolves when the round that runs is done. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }
}
