import { digestOf, type Json, type Sha256Hex } from './digest.ts';

/** A change at a hook, fed by a run-time input named `input` (same dims as the hook, or broadcastable to it). */
export interface Edit {
  readonly kind: 'replace' | 'add' | 'scale';
  readonly hook: string;
  readonly input: string;
}

/**
 * What to do to a graph: taps (hooks wanted, exact names, no globs) and edits. Plain JSON.
 * The empty plan changes no node.
 */
export interface Plan {
  readonly taps: readonly string[];
  readonly edits: readonly Edit[];
}

export const emptyPlan: Plan = { taps: [], edits: [] };

/** The order of taps has no meaning; the order of edits does. */
export function planDigest(plan: Plan): Promise<Sha256Hex> {
  const taps = [...new Set(plan.taps)].sort();
  return digestOf({ taps, edits: plan.edits as unknown as Json });
}
