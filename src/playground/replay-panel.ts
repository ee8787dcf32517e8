import { type Model, parseSavedRequest, replayRequest, type SavedRequest, SondeError } from '../index.ts';
import { pageModel } from './examples.ts';
import { part } from './parts.ts';
import { saveJson } from './save.ts';
import type { Session } from './session.ts';

export interface ReplayHost {
  session(): Promise<Session>;
  /** The model that was loaded last: a request to one that the page does not offer goes to it. */
  model(): Model | undefined;
}

/** Saves the request of the reading on screen, and replays one from a file. */
export class ReplayPanel {
  readonly #view = part('sonde-replay');
  readonly #host: ReplayHost;
  #saved: SavedRequest | undefined;

  constructor(host: ReplayHost) {
    this.#host = host;
    this.#view.addEventListener('sonde-save', () => this.#saved && saveJson(this.#saved, 'request'));
    this.#view.addEventListener('sonde-replay', ({ detail }) => void this.#replay(detail));
  }

  /** @param saved undefined where the reading is of no request that could be made again */
  offer(saved: SavedRequest | undefined): void {
    this.#saved = saved;
    this.#view.savable = saved !== undefined;
  }

  async #replay(file: File): Promise<void> {
    this.#view.stage = { kind: 'running', file: file.name };
    try {
      const saved = parseSavedRequest(await file.text());
      const replay = await replayRequest(await this.#modelFor(saved), saved);
      this.#view.stage = { kind: 'done', file: file.name, replay };
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      this.#view.stage = { kind: 'refused', file: file.name, why: `${error.message} ${error.remedy}` };
    }
  }

  async #modelFor({ provenance }: SavedRequest): Promise<Model> {
    const known = pageModel(provenance.modelId);
    if (known !== undefined) {
      const session = await this.#host.session();
      return session.offered(known);
    }
    const own = this.#host.model();
    if (own !== undefined) return own;
    throw new SondeError(
      'model_not_found',
      `The request was made of ${provenance.modelId}.`,
      'Load that model first, then replay.',
    );
  }
}
