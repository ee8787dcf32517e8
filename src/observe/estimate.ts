/** A number that is known, or an interval that holds it for certain. What is not known is never a number. */
export type Estimate =
  | { readonly kind: 'exact'; readonly value: number }
  | { readonly kind: 'bounds'; readonly lower: number; readonly upper: number };

export const exactly = (value: number): Estimate => ({ kind: 'exact', value });

/** @param upper Infinity where nothing bounds it from above */
export const between = (lower: number, upper: number): Estimate => ({ kind: 'bounds', lower, upper });
