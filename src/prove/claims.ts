import type { Hook } from '../shared/hook.ts';
import type { Check, Identity } from './identity.ts';

/** The tensors of the graph that a hook's value is computed from. */
function sourcesOf({ source }: Hook): readonly string[] {
  if (source.kind === 'tap') return [source.tensor];
  return source.kind === 'derived' ? source.from : [];
}

/** What an identity's hooks are called within one block or one stack: `at` is put before each. */
export class Claims {
  readonly list: Identity[] = [];
  readonly #hooks: ReadonlyMap<string, Hook>;

  constructor(hooks: readonly Hook[]) {
    this.#hooks = new Map(hooks.map((hook) => [hook.name, hook]));
  }

  has(name: string): boolean {
    return this.#hooks.has(name);
  }

  /** Claims it if the model has all of these hooks, available or not. The first is what the others give. */
  add(claim: string, hooks: readonly string[], check: Check): void {
    if (!hooks.every((name) => name === 'input_ids' || this.has(name))) return;
    this.list.push({ claim, hooks, check, byConstruction: this.#isByConstruction(hooks) });
  }

  /**
   * What the first hook is computed from, the others show already; or Sonde computes the first one from what the
   * others show (and from weights). Either way no tensor of the model's own takes part that could contradict.
   */
  #isByConstruction(names: readonly string[]): boolean {
    const [first, ...others] = names.flatMap((name) => this.#hooks.get(name) ?? []);
    if (first === undefined) return false;
    const own = sourcesOf(first);
    const shown = others.map(sourcesOf);
    const isShown = own.every((tensor) => shown.some((tensors) => tensors.includes(tensor)));
    const isMade = first.source.kind === 'derived' && shown.flat().every((tensor) => own.includes(tensor));
    return isShown || isMade;
  }
}
