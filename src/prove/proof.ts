import type { Hook, HookProof } from '../shared/hook.ts';
import type { Verdict } from '../shared/proof.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { type Identity, skipped, type Tolerance } from './identity.ts';

export interface Proof {
  readonly hooks: ReadonlyMap<string, HookProof>;
  readonly verdicts: readonly Verdict[];
}

/** @param values captured tensors by hook name, and `input_ids` where the probe fed any */
export function judge(
  identities: readonly Identity[],
  values: ReadonlyMap<string, FloatTensor>,
  tolerance: Tolerance,
): readonly Verdict[] {
  return identities.map(({ claim, hooks, byConstruction, check }) => {
    const tensors = hooks.flatMap((name) => values.get(name) ?? []);
    const missing = hooks.filter((name) => !values.has(name));
    const outcome =
      missing.length === 0 ? check(tensors, tolerance) : skipped(`${missing.join(', ')} is not available`);
    return { claim, hooks, byConstruction, outcome };
  });
}

/**
 * proved: it takes part in an identity that holds and in none that fails. An identity that holds by construction
 * proves nothing by itself, but where all of its hooks but one are proved, so is the last.
 * @param captured names of the hooks that gave a value
 */
export function proofsOf(
  hooks: readonly Hook[],
  captured: ReadonlySet<string>,
  verdicts: readonly Verdict[],
): ReadonlyMap<string, HookProof> {
  const failing = new Set(
    verdicts.flatMap(({ outcome, hooks: names }) => (outcome.kind === 'fails' ? names : [])),
  );
  const holding = verdicts.filter(({ outcome }) => outcome.kind === 'holds');
  const proved = new Set<string>(['input_ids']);
  const prove = (name: string): boolean => {
    if (failing.has(name) || proved.has(name)) return false;
    proved.add(name);
    return true;
  };
  for (const { byConstruction, hooks: names } of holding) if (!byConstruction) names.forEach(prove);
  for (let isGrowing = true; isGrowing; ) {
    isGrowing = false;
    for (const { hooks: names } of holding) {
      const [name, ...others] = names.filter((each) => !proved.has(each));
      if (name !== undefined && others.length === 0 && names.length > 1) isGrowing = prove(name) || isGrowing;
    }
  }
  return new Map(
    hooks.map(({ name }) => [
      name,
      !captured.has(name) ? 'unavailable' : proved.has(name) ? 'proved' : 'inferred',
    ]),
  );
}
