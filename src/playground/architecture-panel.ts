import type { FidelityProgress, Model, ModelFidelity, ModelProof, ProofProgress } from '../index.ts';
import { part } from './parts.ts';
import { Question } from './question.ts';

/** The architecture plate: shows one model, and when asked proves it, compares its variants, fetches its graph. */
export class ArchitecturePanel {
  readonly #plate = part('section', 'architecture');
  readonly #tree = part('sonde-architecture');
  readonly #fidelity = part('sonde-fidelity');
  readonly #graph = part('sonde-graph');
  readonly #graphPart = part('div', 'graph');
  readonly #fail: (error: unknown) => void;
  readonly #proof: Question<ModelProof, ProofProgress>;
  readonly #comparison: Question<ModelFidelity, FidelityProgress>;
  readonly #read = new WeakSet<Model>();
  #model: Model | undefined;

  /** @param fail is told what went wrong, and not of what was stopped */
  constructor(fail: (error: unknown) => void) {
    this.#fail = fail;
    this.#proof = new Question<ModelProof, ProofProgress>({
      nothing: { captured: 0, hooks: 1, judged: 0, identities: 0 },
      ask: (model, watch) => model.prove(watch),
      show: (proof, progress) => Object.assign(this.#tree, { proof, progress }),
      fail,
    });
    this.#comparison = new Question<ModelFidelity, FidelityProgress>({
      nothing: { dtype: 'fp32', done: 0, variants: 1 },
      ask: (model, watch) => model.fidelity(watch),
      show: (fidelity, progress) => Object.assign(this.#fidelity, { fidelity, progress }),
      fail,
    });
    this.#tree.addEventListener('sonde-prove', ({ detail }) => void this.#proof[detail]());
    this.#fidelity.addEventListener('sonde-compare', ({ detail }) => void this.#comparison[detail]());
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
    this.#model = model;
    this.#tree.model = model;
    this.#fidelity.report = model.device;
    this.#proof.turnTo(model);
    this.#comparison.turnTo(model);
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
