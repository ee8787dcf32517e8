import type { DeviceChoice, LoadProgress } from '../index.ts';
import { type PageModel, pageModel, pageModels } from './examples.ts';
import { OriginTracker } from './origin.ts';
import { part } from './parts.ts';
import type { RunRequest } from './run.ts';

export interface ControlsListener {
  run(request: RunRequest): void;
  stop(): void;
  chooseModel(model: PageModel): void;
}

/** The form: model, text, examples, settings, Run and Stop. */
export class Controls {
  readonly #form = part('form', 'controls');
  readonly #text = part('textarea', 'text');
  readonly #run = this.#form.querySelector<HTMLButtonElement>('[type=submit]');
  readonly #stop = part('button', 'cancel');
  readonly #status = part('p', 'status');
  readonly #progress = part('sonde-progress');
  readonly #origin = new OriginTracker(this.#text);
  readonly #listener: ControlsListener;

  constructor(listener: ControlsListener) {
    this.#listener = listener;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      listener.run(this.request);
    });
    this.#text.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.#form.requestSubmit();
    });
    this.#stop.addEventListener('click', () => listener.stop());
    for (const radio of this.#form.querySelectorAll<HTMLInputElement>('[name=model]'))
      radio.addEventListener('change', () => this.#onModel());
    const wanted = new URLSearchParams(location.search).get('device');
    if (wanted === 'webgpu' || wanted === 'wasm') part('select', 'device').value = wanted;
    this.#offerExamples();
  }

  get model(): PageModel {
    const chosen = this.#form.querySelector<HTMLInputElement>('[name=model]:checked')?.value ?? '';
    return pageModel(chosen) ?? (pageModels[0] as PageModel);
  }

  get device(): DeviceChoice {
    const { value } = part('select', 'device');
    return value === 'webgpu' || value === 'wasm' ? value : 'auto';
  }

  get request(): RunRequest {
    return {
      model: this.model.id,
      text: this.#text.value,
      origin: this.#origin.origin,
      maxNewTokens: part('input', 'tokens').valueAsNumber,
      temperature: part('input', 'temperature').valueAsNumber,
      seed: part('input', 'seed').valueAsNumber,
    };
  }

  /** While `busy` only Stop works; a run that `yields` gives way to the next. */
  setBusy(busy: boolean, yields = false): void {
    if (this.#run) this.#run.disabled = busy && !yields;
    this.#stop.disabled = !busy;
    if (!busy) this.showProgress(undefined);
  }

  showProgress(progress: LoadProgress | undefined): void {
    this.#progress.progress = progress;
  }

  say(status: string): void {
    this.#status.textContent = status;
  }

  #onModel(): void {
    this.#offerExamples();
    this.#listener.chooseModel(this.model);
  }

  #offerExamples(): void {
    const { model } = this;
    part('div', 'examples').replaceChildren(
      ...model.examples.map((text) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = text.trim().replaceAll('\n', ' ↵ ');
        button.addEventListener('click', () => this.#origin.useExample(text));
        return button;
      }),
    );
    this.#origin.useExample(model.examples[0] ?? '');
    for (const row of this.#form.querySelectorAll<HTMLElement>('.sampling'))
      row.hidden = !model.task.endsWith('-generation');
  }
}
