import type { Model } from '../index.ts';

export interface Asking<Answer, Progress> {
  /** Progress before any was made. */
  readonly nothing: Progress;
  ask(
    model: Model,
    watch: { readonly signal: AbortSignal; readonly onProgress: (progress: Progress) => void },
  ): Promise<Answer>;
  /** @param progress absent while nothing goes on */
  show(answer: Answer | undefined, progress: Progress | undefined): void;
  /** Is told what went wrong, and not of what was stopped. */
  fail(error: unknown): void;
}

/** What is asked of a model when somebody wants it: it takes its time, can be stopped, and is remembered by model. */
export class Question<Answer, Progress> {
  readonly #asking: Asking<Answer, Progress>;
  readonly #answers = new WeakMap<Model, Answer>();
  #model: Model | undefined;
  #stop: AbortController | undefined;

  constructor(asking: Asking<Answer, Progress>) {
    this.#asking = asking;
  }

  /** Another model: the question to the one before is taken back. */
  turnTo(model: Model): void {
    this.stop();
    this.#model = model;
    this.#asking.show(this.#answers.get(model), undefined);
  }

  stop(): void {
    this.#stop?.abort();
  }

  async start(): Promise<void> {
    const model = this.#model;
    if (model === undefined) return;
    const stop = new AbortController();
    this.#stop = stop;
    const { nothing, ask, show, fail } = this.#asking;
    const before = this.#answers.get(model);
    show(before, nothing);
    try {
      const answer = await ask(model, {
        signal: stop.signal,
        onProgress: (progress) => {
          if (!stop.signal.aborted) show(before, progress);
        },
      });
      this.#answers.set(model, answer);
    } catch (error) {
      if (!stop.signal.aborted) fail(error);
    }
    if (this.#stop !== stop || this.#model !== model) return;
    this.#stop = undefined;
    show(this.#answers.get(model), undefined);
  }
}
