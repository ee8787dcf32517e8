import type { Model, ModelProof } from '../index.ts';
import { part } from './parts.ts';

/** The architecture plate: shows one model, proves it when asked, and fetches its graph when asked. */
export class ArchitecturePanel {
  readonly #plate = part('section', 'architecture');
  readonly #tree = part('sonde-architecture');
  readonly #graph = part('sonde-graph');
  readonly #graphPart = part('div', 'graph');
  readonly #fail: (error: unknown) => void;
  readonly #proofs = new WeakMap<Model, ModelProof>();
  readonly #read = new WeakSet<Model>();
  #model: Model | undefined;
  #proving: AbortController | undefined;

  /** @param fail is told what went wrong, and not of what was stopped */
  constructor(fail: (error: unknown) => void) {
    this.#fail = fail;
    this.#tree.addEventListener('sonde-prove', ({ detail }) => {
      if (detail === 'start') void this.#prove();
      else this.#proving?.abort();
    });
    this.#tree.addEventListener('sonde-node', ({ detail }) => {
      this.#graph.place = detail;
      void this.#fetchGraph().then(() => this.#graphPart.scrollIntoView({ block: 'nearest' }));
    });
    this.#graph.addEventListener('sonde-graph', () => void this.#fetchGraph());
  }

  /** @param isOwn until something was read from it, nothing else is known of the visitor's own model: it stands first */
  show(model: Model, isOwn: boolean): void {
    this.#standBehind(
      isOwn && !this.#read.has(model) ? part('div', 'source-line') : part('section', 'layers'),
    );
    if (this.#model === model) return;
    this.#proving?.abort();
    this.#model = model;
    this.#tree.model = model;
    this.#tree.proof = this.#proofs.get(model);
    this.#tree.progress = undefined;
    this.#graph.graphs = undefined;
    this.#graph.place = undefined;
    this.#graphPart.hidden = false;
  }

  /** The model runs: what it gives comes first from now on. */
  giveWay(): void {
    if (this.#model !== undefined) this.#read.add(this.#model);
    this.#standBehind(part('section', 'layers'));
  }

  #standBehind(before: HTMLElement): void {
    if (before.nextElementSibling !== this.#plate) before.after(this.#plate);
  }

  async #prove(): Promise<void> {
    const model = this.#model;
    if (model === undefined) return;
    const stop = new AbortController();
    this.#proving = stop;
    this.#tree.progress = { captured: 0, hooks: model.hooks.length, judged: 0, identities: 0 };
    try {
      const proof = await model.prove({
        signal: stop.signal,
        onProgress: (progress) => {
          if (!stop.signal.aborted) this.#tree.progress = progress;
        },
      });
      this.#proofs.set(model, proof);
      if (this.#model === model) this.#tree.proof = proof;
    } catch (error) {
      if (!stop.signal.aborted) this.#fail(error);
    }
    if (this.#proving === stop) this.#tree.progress = undefined;
  }

  async #fetchGraph(): Promise<void> {
    const model = this.#model;
    if (model === undefined || this.#graph.graphs !== undefined) return;
    try {
      const graphs = await model.graphs();
      if (this.#model === model) this.#graph.graphs = graphs;
    } catch (error) {
      this.#fail(error);
    }
  }
}
