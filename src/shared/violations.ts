/** How far an input is from what was declared for it; counts of fields. */
export interface Violations {
  /** Declared as required, and not there. */
  readonly missing: number;
  /** There, and not declared. */
  readonly extra: number;
  /** Of another kind than declared, or outside of its bounds. */
  readonly outOfRange: number;
}
