/** Branded units: a number that says what it counts. The brand exists only in types. */
declare const unit: unique symbol;
export type Unit<Name extends string> = number & { readonly [unit]: Name };

/** Natural-logarithm information, >= 0 for entropies. */
export type Nats = Unit<'nats'>;
export type Milliseconds = Unit<'ms'>;
/** Milliseconds since the Unix epoch, as the client's clock says. */
export type EpochMilliseconds = Unit<'epoch ms'>;
export type Bytes = Unit<'bytes'>;
/** In [0, 1]. */
export type Probability = Unit<'probability'>;

export const nats = (value: number): Nats => value as Nats;
export const milliseconds = (value: number): Milliseconds => value as Milliseconds;
export const epochMilliseconds = (value: number): EpochMilliseconds => value as EpochMilliseconds;
export const bytes = (value: number): Bytes => value as Bytes;
export const probability = (value: number): Probability => value as Probability;
