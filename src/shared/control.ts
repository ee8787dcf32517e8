import type { Milliseconds, Probability } from './units.ts';

/**
 * Sequence numbers stored by the collector, both ends included, sorted, disjoint, neighbours joined.
 * They number records: a chunk carries the number of its first record and covers as many as it holds, so
 * chunks cut differently at page exit may overlap and each record is still stored once.
 */
export type Ranges = readonly (readonly [first: number, last: number])[];

/** Which records of one page life (`session`, `epoch`) the collector has on disk. */
export interface Stored {
  readonly session: string;
  readonly epoch: number;
  readonly ranges: Ranges;
}

/** The collector answered: these are stored for good; these records were refused one by one, by reason. */
export interface Ack {
  readonly kind: 'ack';
  readonly stored: readonly Stored[];
  readonly rejected: Readonly<Record<string, number>>;
}

/** Do not send before `retryAfter` has passed. */
export interface Backoff {
  readonly kind: 'backoff';
  readonly retryAfter: Milliseconds;
  readonly reason: string;
}

/** The operator's wish, delivered with an answer. */
export interface Policy {
  readonly kind: 'policy';
  readonly sampling?: Probability;
  readonly off?: boolean;
}

/** Everything that flows against the data. */
export type Control = Ack | Backoff | Policy;
