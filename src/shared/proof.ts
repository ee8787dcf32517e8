/** What became of one identity over one probe forward. */
export type Outcome =
  | {
      readonly kind: 'holds';
      readonly difference: number;
      readonly tolerance: number;
      readonly note?: string;
    }
  | {
      readonly kind: 'fails';
      readonly difference?: number;
      readonly tolerance?: number;
      readonly why: string;
    }
  | { readonly kind: 'skipped'; readonly why: string };

/** One identity with what the probe forward said about it. */
export interface Verdict {
  /** In words, without the layer: `resid_post = resid_mid + mlp_out`. */
  readonly claim: string;
  /** Exact hook names; `input_ids` is what the probe fed. */
  readonly hooks: readonly string[];
  /** Sonde computes one side from what the other side shows, so that it says nothing about the model by itself. */
  readonly byConstruction: boolean;
  readonly outcome: Outcome;
}

/** `captured` of `hooks` were read, `judged` of `identities` were decided. */
export interface ProofProgress {
  readonly captured: number;
  readonly hooks: number;
  readonly judged: number;
  readonly identities: number;
}
