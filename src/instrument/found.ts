import type { Keyed, Recipe } from './draft.ts';
import type { Placed } from './layout.ts';

/** A value of the model: in a tensor of the graph, or to be recomputed. A recipe gives the hook's own dims. */
export type Found =
  | { readonly kind: 'placed'; readonly placed: Placed }
  | {
      readonly kind: 'derived';
      readonly from: readonly string[];
      readonly how: string;
      readonly recipe: Recipe;
      readonly keyed?: Keyed;
    };

export const placed = (at: Placed | undefined): Found | undefined =>
  at === undefined ? undefined : { kind: 'placed', placed: at };

export const derived = (from: readonly string[], how: string, recipe: Recipe): Found => ({
  kind: 'derived',
  from: from.filter((tensor) => tensor !== ''),
  how,
  recipe,
});
