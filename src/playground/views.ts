import type { HeadPlace } from '../elements/events.ts';
import { type HeadSummary, headLabel, labelFrom } from '../elements/layers.ts';
import type { AttentionMaps } from '../elements/maps.ts';
import type { ModelInfo, Step, Token } from '../index.ts';
import { breathe } from './breathe.ts';
import { part } from './parts.ts';
import { type Reading, sequence } from './reading.ts';
import type { RunRequest } from './run.ts';
import { service } from './session.ts';

/** The views of a run: they show one reading, link their choices, and say when what they show is not of this run. */
export class Views {
  readonly #tokens = part('sonde-tokens');
  readonly #detail = part('sonde-token-detail');
  readonly #entropy = part('sonde-entropy');
  readonly #classes = part('sonde-classes');
  readonly #attention = part('sonde-attention');
  readonly #residual = part('sonde-residual');
  readonly #layers = part('sonde-layers');
  readonly #provenance = part('sonde-provenance');
  readonly #source = part('p', 'source');
  readonly #legend = part('p', 'token-legend');
  readonly #noTokens = part('p', 'no-tokens');
  readonly #insides = ['attention', 'residual', 'layers', 'provenance'].map((id) => part('section', id));
  #shown: Reading | undefined;
  #model = '';
  #pendingText = '';
  /** Tokens of a run that goes on are on screen. */
  #streaming = false;
  #steps: readonly Step[] = [];
  #given: readonly Token[] = [];

  constructor() {
    document.addEventListener('sonde-position', (event) => {
      const { detail, target } = event as CustomEvent<number>;
      const isInside = target === this.#attention || target === this.#residual;
      this.#choose(isInside ? detail + this.#offset : detail);
    });
    this.#layers.addEventListener('sonde-head', ({ detail }) => {
      this.#attention.place = detail;
      part('section', 'attention').scrollIntoView({ block: 'nearest' });
    });
  }

  show(reading: Reading): void {
    const { insides, model } = reading;
    this.#shown = reading;
    this.#streaming = false;
    this.#setSequence(reading.given, reading.steps);
    this.#tokens.busy = false;
    this.#detail.vocabulary = model.vocabulary;
    this.#entropy.vocabulary = model.vocabulary;
    this.#showAnswer(reading);

    this.#attention.tokens = insides.tokens ?? sequence(reading);
    this.#attention.keyTokens = insides.keys;
    if (this.#model !== model.id) this.#attention.place = tellingHead(insides.heads);
    this.#model = model.id;
    this.#attention.maps = insides.maps;
    this.#attention.labels = Array.from({ length: insides.maps.layers.length }, (_, layer) =>
      insides.heads.filter((head) => head.layer === layer).map(headLabel),
    );
    this.#showSource(reading);
    this.#setStale(false);
    this.#choose(this.#firstInteresting());
    void this.#showRest(reading);
  }

  /** One view a task, so that none of them holds the page up. */
  async #showRest(reading: Reading): Promise<void> {
    const { insides, model, provenance, source } = reading;
    await breathe();
    if (this.#shown !== reading) return;
    this.#residual.tokens = insides.tokens ?? sequence(reading);
    this.#residual.profile = insides.profile;
    await breathe();
    if (this.#shown !== reading) return;
    this.#layers.layers = insides.layers;
    this.#layers.heads = insides.heads;
    await breathe();
    if (this.#shown !== reading) return;
    this.#provenance.provenance = provenance;
    this.#provenance.files = model.files;
    this.#provenance.service = source.kind === 'live' ? service : undefined;
  }

  /** A model was loaded and has read nothing yet: what is on screen may be another's. */
  await({ id }: ModelInfo): void {
    const shown = this.#shown?.model.id;
    if (shown === undefined || shown === id) return;
    this.#source.replaceChildren(
      strong('Loaded'),
      `: ${id} has read nothing yet. Below its architecture is what was read with ${shown}.`,
    );
  }

  /** A run began. What is on screen stays until the run brings something, and says whose it is. */
  begin({ input }: RunRequest): void {
    this.#pendingText = 'text' in input ? input.text : '';
    this.#setStale(true);
  }

  step(steps: readonly Step[], maps: AttentionMaps | undefined): void {
    if (!this.#streaming)
      this.#source.replaceChildren(
        strong('Running'),
        ': the tokens are of this run, and the attention as soon as it is not marked; the views below not yet.',
      );
    this.#streaming = true;
    if (maps !== undefined) this.#showGrowing(maps);
    this.#tokens.pendingText = this.#pendingText;
    this.#tokens.busy = true;
    this.#classes.hidden = true;
    this.#setSequence([], steps);
    this.#detail.step = steps.at(-1);
    this.#detail.token = steps.at(-1)?.token;
    // Where it stands in the sequence is known when the tokens of the input are.
    this.#detail.position = undefined;
  }

  /** Attention so far. Which tokens its positions are is known at the end. */
  #showGrowing(maps: AttentionMaps): void {
    this.#attention.tokens = [];
    this.#attention.keyTokens = undefined;
    this.#attention.labels = [];
    this.#attention.position = undefined;
    this.#attention.maps = maps;
    part('section', 'attention').ariaBusy = 'false';
  }

  /** The run broke off. What it wrote stays; if it wrote nothing, all is as before. */
  fail(): void {
    this.#tokens.busy = false;
    if (this.#streaming)
      this.#source.replaceChildren(
        strong('Broken off'),
        ': the tokens are of this run, and the attention if it is not marked; the rest is older.',
      );
    else if (this.#shown) this.show(this.#shown);
    this.#streaming = false;
  }

  #setSequence(given: readonly Token[], steps: readonly Step[]): void {
    this.#given = given;
    this.#steps = steps;
    this.#tokens.given = given;
    this.#tokens.steps = steps;
    this.#entropy.steps = steps;
    this.#entropy.chosen = undefined;
    if (given.length > 0) this.#tokens.pendingText = undefined;
  }

  #showAnswer({ answer, model, given, steps }: Reading): void {
    this.#tokens.spaced = model.architecture === 'bert';
    this.#classes.hidden = answer === undefined;
    this.#classes.answer = answer;
    this.#classes.temperature = model.temperature;
    const isWritten = steps.length > 0;
    this.#entropy.hidden = !isWritten;
    this.#legend.hidden = !isWritten;
    const hasTokens = isWritten || given.length > 0;
    this.#tokens.hidden = !hasTokens;
    this.#detail.hidden = !hasTokens;
    this.#noTokens.hidden = hasTokens;
  }

  #showSource({ source, model, provenance }: Reading): void {
    const where = `${model.id}, files ${provenance.modelDigest.slice(0, 12)}, ${model.device.device} ${model.device.dtype}`;
    this.#source.replaceChildren(
      strong(source.kind === 'live' ? 'Live' : 'Recorded example'),
      source.kind === 'live'
        ? `: computed in this browser, in this visit${source.madeUp ? ', over made-up input (seeded noise, not an image or a sound)' : ''}. ${where}.`
        : `: saved on ${source.at.slice(0, 10)} from a real run, not computed in this visit. ${where}. Attention rounded to 16 bits.`,
    );
  }

  #setStale(stale: boolean): void {
    for (const section of this.#insides) section.ariaBusy = String(stale);
    if (!stale) return;
    const shown = this.#shown?.source.kind === 'recorded' ? 'a recorded example' : 'the run before';
    this.#source.replaceChildren(
      strong('Running'),
      `: until it has something to show, what you see is ${shown}.`,
    );
  }

  #choose(position: number): void {
    const step = this.#steps[position - this.#given.length];
    const token = this.#given[position] ?? step?.token;
    this.#tokens.position = token && position;
    this.#detail.token = token;
    this.#detail.step = step;
    this.#detail.position = position;
    this.#entropy.chosen = step?.index;
    const inside = position - this.#offset;
    // What was read may have positions and no tokens.
    const { length } = this.#attention.tokens;
    const isThere = inside >= 0 && (length === 0 || inside < length);
    this.#attention.position = isThere ? inside : undefined;
    this.#residual.position = isThere ? inside : undefined;
  }

  /** Where the first position of attention and stream stands in the sequence. */
  get #offset(): number {
    return this.#shown?.insides.offset ?? 0;
  }

  /** The first token the model wrote; a classifier's first token is the one its head reads. */
  #firstInteresting(): number {
    return this.#steps.length > 0 ? this.#given.length : 0;
  }
}

/** The head with the strongest pattern that has a name, so that a new model opens on something to see. */
function tellingHead(heads: readonly HeadSummary[]): HeadPlace {
  const score = ({ induction = 0, previousToken = 0 }: HeadSummary): number =>
    induction >= labelFrom ? 1 + induction : previousToken;
  const [first] = [...heads].sort((a, b) => score(b) - score(a));
  return { layer: first?.layer ?? 0, head: first?.head ?? 0 };
}

function strong(text: string): HTMLElement {
  const element = document.createElement('b');
  element.textContent = text;
  return element;
}
