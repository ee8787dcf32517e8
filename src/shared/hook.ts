/**
 * How a hook's value comes to be.
 * tap: a tensor of the graph (or a pure layout change of it); derived: recomputed by appended nodes;
 * unavailable: the model computes it nowhere that can be reached, and `reason` says why.
 */
export type HookSource =
  | { readonly kind: 'tap'; readonly tensor: string }
  | { readonly kind: 'derived'; readonly from: readonly string[]; readonly how: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** What a probe forward says of a hook: its identities held, none decides, or the model does not give it. */
export type HookProof = 'proved' | 'inferred' | 'unavailable';

/** How far a hook lies from its reference: max|a - b| / max|b|; Infinity where shapes differ or a value is NaN. */
export interface HookError {
  readonly hook: string;
  readonly error: number;
}

/** One point inside the model under its TransformerLens name (`blocks.0.attn.hook_pattern`). */
export interface Hook {
  readonly name: string;
  /** Axis names, e.g. ['batch', 'head', 'query', 'key']; numbers where the graph fixes them. */
  readonly dims: readonly (string | number)[];
  readonly source: HookSource;
}
