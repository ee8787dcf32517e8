declare const masked: unique symbol;

/**
 * A value that went through the allow-list of `src/mask`, the only room that makes one.
 * `batch` and `deliver` accept nothing else, so an unmasked record does not type-check there.
 */
export type Masked<T> = T & { readonly [masked]: true };
