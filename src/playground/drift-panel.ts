import type { Model } from '../index.ts';
import { pageModel } from './examples.ts';
import { part } from './parts.ts';
import type { Session } from './session.ts';

type Texts = Readonly<Record<'shakespeare' | 'reviews', readonly string[]>>;

export interface DriftHost {
  session(): Promise<Session>;
  fail(error: unknown): void;
}

/** The drift plate: the window of the model that ran last, and requests that fill it. */
export class DriftPanel {
  readonly #view = part('sonde-drift');
  readonly #host: DriftHost;
  #model: Model | undefined;

  constructor(host: DriftHost) {
    this.#host = host;
    this.#view.addEventListener('sonde-feed', ({ detail }) => void this.#feed(detail));
  }

  show(model: Model): void {
    this.#model = model;
    void this.refresh();
  }

  /** How far the window is now. */
  async refresh(): Promise<void> {
    const model = this.#model;
    // A model that is gone has no window; the next one shows its own.
    const state = await model?.drift().catch(() => undefined);
    if (this.#model !== model) return;
    this.#view.model = model?.id;
    this.#view.state = state;
  }

  async #feed(kind: keyof Texts): Promise<void> {
    const choice = pageModel('sentiment');
    if (choice === undefined) return;
    const of = kind === 'reviews' ? 'film reviews' : 'lines of Shakespeare';
    this.#view.feeding = { of, done: 0, total: 1 };
    try {
      const answer = await fetch('examples/drift.json');
      const lines = ((await answer.json()) as Texts)[kind];
      const session = await this.#host.session();
      const model = await session.offered(choice);
      this.show(model);
      for (const [done, line] of lines.entries()) {
        await model.classify(line, { origin: 'example' });
        this.#view.feeding = { of, done: done + 1, total: lines.length };
        if (done % 20 === 19) await this.refresh();
      }
    } catch (error) {
      this.#host.fail(error);
    }
    await this.refresh();
    this.#view.feeding = undefined;
  }
}
