import type { HeadSummary, LayerSummary } from '../elements/layers.ts';
import type { AttentionMaps } from '../elements/maps.ts';
import type { ResidualProfile } from '../elements/residual.ts';
import type { Classification, ModelInfo, Provenance, Step, Token } from '../index.ts';

/** A look that was taken now, or one that was saved. */
export type Source =
  | { readonly kind: 'live'; readonly madeUp?: true }
  /** `at` is ISO 8601. */
  | { readonly kind: 'recorded'; readonly at: string };

export type ReadingModel = Pick<
  ModelInfo,
  'id' | 'task' | 'architecture' | 'layers' | 'heads' | 'vocabulary' | 'temperature' | 'device' | 'files'
>;

export type Answer = Pick<
  Classification,
  'label' | 'confidence' | 'entropy' | 'margin' | 'classes' | 'calibrated'
>;

/** What was seen inside the model over one sequence, as the page draws it. */
export interface Insides {
  readonly maps: AttentionMaps;
  readonly profile: ResidualProfile;
  readonly layers: readonly LayerSummary[];
  readonly heads: readonly HeadSummary[];
  /** What its positions are, where they are not those of the sequence; the first stands at `offset` in it. */
  readonly tokens?: readonly Token[];
  readonly offset?: number;
  /** Of cross-attention, what is read: its keys are not the tokens that read. */
  readonly keys?: readonly Token[];
}

/** One run as the page draws it. */
export interface Reading {
  readonly source: Source;
  readonly model: ReadingModel;
  readonly text: string;
  /** Tokens of the input. */
  readonly given: readonly Token[];
  /** What the model wrote; empty for a classifier. */
  readonly steps: readonly Step[];
  readonly answer?: Answer;
  readonly insides: Insides;
  readonly provenance: Provenance;
}

export const sequence = (reading: Pick<Reading, 'given' | 'steps'>): readonly Token[] => [
  ...reading.given,
  ...reading.steps.map((step) => step.token),
];
