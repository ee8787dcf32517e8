import type { Outcome } from '../shared/proof.ts';
import type { FloatTensor } from '../shared/tensor.ts';

/** How far apart the two sides of an identity may lie. */
export interface Tolerance {
  /** Rounding: largest difference over the largest number that takes part. */
  readonly rounding: number;
  /** What a linear map leaves unexplained: root mean square over the standard deviation. */
  readonly unexplained: number;
}

/** Compares captured tensors, given in the order of the identity's hooks. Pure. */
export type Check = (tensors: readonly FloatTensor[], tolerance: Tolerance) => Outcome;

/** An equation between hooks that every transformer of this anatomy fulfils for every input. */
export interface Identity {
  /** In words, without the layer: `resid_post = resid_mid + mlp_out`. */
  readonly claim: string;
  /** Exact hook names; `input_ids` is what the probe fed. */
  readonly hooks: readonly string[];
  /**
   * Sonde computes one side from the tensors that the other side shows, so that it says nothing about the model.
   * It still passes a proof on: where all hooks but one are proved, so is the last.
   */
  readonly byConstruction: boolean;
  readonly check: Check;
}

export const skipped = (why: string): Outcome => ({ kind: 'skipped', why });
export const fails = (why: string): Outcome => ({ kind: 'fails', why });

/** Math.max carries NaN along, and a comparison with it is false: what is no number never passes. */
export const verdict = (difference: number, tolerance: number, note?: string): Outcome =>
  difference <= tolerance
    ? { kind: 'holds', difference, tolerance, ...(note === undefined ? {} : { note }) }
    : { kind: 'fails', difference, tolerance, why: 'the two sides differ' };

export const shapeOf = ({ dims }: FloatTensor): string => `[${dims.join(', ')}]`;

export const sameShape = (...tensors: readonly FloatTensor[]): boolean =>
  new Set(tensors.map(shapeOf)).size === 1;

export const shapesDiffer = (...tensors: readonly FloatTensor[]): Outcome =>
  fails(`the shapes ${tensors.map(shapeOf).join(', ')} do not go together`);

/** Largest absolute value; NaN if any is. */
export function largest({ data }: FloatTensor): number {
  let found = 0;
  for (const value of data) found = Math.max(found, Math.abs(value));
  return found;
}

/** Largest difference between `left` and what `right` gives for each element; NaN if any is. */
export function farthest(left: ArrayLike<number>, right: (at: number) => number): number {
  let found = 0;
  for (let at = 0; at < left.length; at++) {
    const far = Math.abs((left[at] ?? Number.NaN) - right(at));
    found = Math.max(found, far);
  }
  return found;
}
