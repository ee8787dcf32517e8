import type { HookError } from '../shared/hook.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { compare, masked } from './compare.ts';
import type { Golden } from './golden.ts';

/** Hooks that both have, in the order of the golden. One that is infinite or no number in the golden decides nothing. */
export const errorsOf = (golden: Golden, values: Golden): readonly HookError[] =>
  [...golden].flatMap(([hook, want]) => {
    const have = values.get(hook);
    const isDecided = want.data.every((value) => Number.isFinite(value) || masked(value));
    return have === undefined || !isDecided ? [] : [{ hook, error: errorOf(want, have) }];
  });

/** max|a - b| / max|b|; Infinity where the two cannot be compared. */
export function errorOf(golden: FloatTensor, value: FloatTensor): number {
  const compared = compare(golden, value, 1, 0);
  if (compared.kind !== 'compared') return Number.POSITIVE_INFINITY;
  return compared.difference === 0 ? 0 : compared.difference / compared.tolerance;
}

export const worstOf = (errors: readonly HookError[]): HookError | undefined =>
  errors.reduce<HookError | undefined>(
    (worst, next) => (worst === undefined || next.error > worst.error ? next : worst),
    undefined,
  );
