import { type Model, SondeError } from '../index.ts';
import { pageModel } from './examples.ts';
import { isStop } from './fault.ts';
import { LabelledFault, readLabelled } from './labelled.ts';
import { part } from './parts.ts';
import { reliabilityOf } from './reliability-of.ts';
import type { Session } from './session.ts';

export interface CalibrateHost {
  session(): Promise<Session>;
  fail(error: unknown): void;
}

/** Calibrates the classifier that ran last, or else the page's own, on a file of labelled texts. */
export class CalibratePanel {
  readonly #view = part('sonde-calibrate');
  readonly #host: CalibrateHost;
  #model: Model | undefined;
  #stop = new AbortController();

  constructor(host: CalibrateHost) {
    this.#host = host;
    this.#view.model = 'sentiment';
    this.#view.addEventListener('sonde-calibrate', ({ detail }) => {
      if (detail.kind === 'stop') this.#stop.abort();
      else void (detail.kind === 'fit' ? this.#fit(detail.file) : this.#forget()).catch(host.fail);
    });
  }

  show(model: Model): void {
    if (model.task !== 'text-classification' || model === this.#model) return;
    this.#model = model;
    this.#view.model = model.id;
    this.#view.stage = undefined;
    void this.#refresh().catch(this.#host.fail);
  }

  async #refresh(): Promise<void> {
    this.#view.texts = (await this.#model?.calibration())?.n;
  }

  async #fit(file: File): Promise<void> {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const { name } = file;
    try {
      const labelled = readLabelled(await file.text());
      const total = labelled.length;
      const tell = (done: number): void => {
        if (!signal.aborted) this.#view.stage = { kind: 'running', file: name, done, total };
      };
      tell(0);
      const model = await this.#classifier();
      const calibration = await model.calibrate(labelled, { signal, onProgress: tell });
      this.#view.stage = { kind: 'judging', file: name };
      const { checked, conformal } = calibration;
      const about = { model: model.id, data: name };
      const reliability =
        checked.length === 0 ? undefined : await reliabilityOf(about, checked, conformal.coverage);
      this.#view.stage = { kind: 'done', file: name, calibration, reliability };
      await this.#refresh();
    } catch (error) {
      this.#view.stage = isStop(error)
        ? { kind: 'stopped' }
        : { kind: 'refused', file: name, why: reasonOf(error) };
    }
  }

  async #forget(): Promise<void> {
    await (await this.#classifier()).forgetCalibration();
    this.#view.stage = { kind: 'forgotten' };
    await this.#refresh();
  }

  /** Another device has another session: what the page offers is asked of the one that there is now. */
  async #classifier(): Promise<Model> {
    const known = pageModel(this.#view.model);
    if (known === undefined && this.#model !== undefined) return this.#model;
    if (known === undefined) throw new TypeError('The page offers a classifier.');
    this.#model = await (await this.#host.session()).offered(known, this.#stop.signal);
    return this.#model;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof SondeError) return `${error.message} ${error.remedy}`;
  if (error instanceof LabelledFault) return error.message;
  throw error;
}
