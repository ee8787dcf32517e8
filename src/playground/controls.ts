import type { DeviceChoice, LoadProgress, ModelInfo } from '../index.ts';
import { type InputMode, inputMode, type ModelChoice, type OwnSource, shipped, useOf } from './choice.ts';
import { type PageModel, pageModel, pageModels } from './examples.ts';
import { InputField } from './input-field.ts';
import { OriginTracker } from './origin.ts';
import { part } from './parts.ts';
import type { RunRequest } from './run.ts';
import { stacksOf } from './stack.ts';

export interface ControlsListener {
  run(request: RunRequest): void;
  stop(): void;
  chooseModel(model: PageModel): void;
  /** A model of the visitor's own is to be loaded, or looked at again. */
  chooseOwn(request: RunRequest): void;
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
  readonly #input = new InputField();
  /** The visitor's own model: as it was chosen, and what it is once loaded. */
  #own: { readonly choice: ModelChoice; info?: ModelInfo } | undefined;
  #owns = 0;

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

  /** The model of the page that is chosen; undefined for one of the visitor's own. */
  get model(): PageModel | undefined {
    const chosen = this.#form.querySelector<HTMLInputElement>('[name=model]:checked')?.value ?? '';
    return this.#own !== undefined && chosen === 'own' ? undefined : (pageModel(chosen) ?? pageModels[0]);
  }

  /** Puts a model of the visitor's own into the list, chosen, and has it loaded. */
  offerOwn({ name, source }: OwnSource): void {
    this.#own = { choice: { key: `own-${++this.#owns}`, source } };
    part('label', 'own').hidden = false;
    part('span', 'own-name').textContent = name;
    part('span', 'own-kind').textContent = 'not loaded yet';
    const radio = this.#form.querySelector<HTMLInputElement>('[value=own]');
    if (radio) radio.checked = true;
    this.#onModel();
  }

  /** What the own model turned out to be: the form asks for what it reads. */
  describeOwn(info: ModelInfo): void {
    if (this.#own === undefined || this.model !== undefined || this.#own.info === info) return;
    this.#own.info = info;
    part('span', 'own-name').textContent = info.id;
    part('span', 'own-kind').textContent = useOf(info);
    this.#showInput();
  }

  get device(): DeviceChoice {
    const { value } = part('select', 'device');
    return value === 'webgpu' || value === 'wasm' ? value : 'auto';
  }

  get request(): RunRequest {
    const { model } = this;
    const choice = model === undefined ? this.#own?.choice : shipped(model);
    const stack = part('select', 'stack').value;
    return {
      model: choice ?? shipped(pageModels[0] as PageModel),
      input: this.#runInput(),
      ...(part('div', 'stack-field').hidden ? {} : { stack }),
      coming: this.#origin.coming,
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

  /** An own model that is not loaded yet is only loaded: what it reads is not known. */
  #runInput(): RunRequest['input'] {
    const info = this.#own?.info;
    if (this.model !== undefined) return { kind: 'text', text: this.#text.value };
    if (info === undefined) return { kind: 'nothing' };
    const mode = inputMode(info);
    return mode === 'made-up' ? { kind: mode } : { kind: mode, text: this.#text.value };
  }

  #onModel(): void {
    const { model } = this;
    this.#showInput();
    if (model !== undefined) this.#listener.chooseModel(model);
    else this.#listener.chooseOwn({ ...this.request, input: { kind: 'nothing' } });
  }

  #showInput(): void {
    const { model } = this;
    const info = model === undefined ? this.#own?.info : undefined;
    this.#input.show(info === undefined ? 'text' : inputMode(info), info);
    this.#offerExamples();
    const stacks = stacksOf(info?.hooks ?? []);
    part('div', 'stack-field').hidden = stacks.length < 2;
    part('select', 'stack').replaceChildren(...stacks.map(({ name }) => new Option(name)));
  }

  #offerExamples(): void {
    const { model } = this;
    const info = this.#own?.info;
    const examples =
      model !== undefined ? model.examples : info === undefined ? [] : ownExamples[inputMode(info)];
    part('div', 'examples').replaceChildren(
      ...examples.map((text) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.textContent = text.trim().replaceAll('\n', ' ↵ ');
        button.addEventListener('click', () => this.#origin.useExample(text));
        return button;
      }),
    );
    this.#form.querySelectorAll<HTMLElement>('.examples').forEach((field) => {
      field.hidden = examples.length === 0;
    });
    this.#origin.useExample(examples[0] ?? '');
    const task = model?.task ?? (info !== undefined && inputMode(info) === 'text' ? info.task : 'other');
    for (const row of this.#form.querySelectorAll<HTMLElement>('.sampling'))
      row.hidden = !task.endsWith('-generation');
  }
}

/** For a model that nobody here knows. */
const ownExamples: Readonly<Record<InputMode, readonly string[]>> = {
  text: ['The quick brown fox jumps over the lazy dog', 'To be, or not to be: that is the'],
  ids: ['5 6 7 8 9 10 11 12'],
  'made-up': [],
};
