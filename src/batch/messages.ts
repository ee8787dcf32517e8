import type { Frame, Log } from '../protocol/frame.ts';
import type { Consent, Ledger, Signal } from '../protocol/telemetry.ts';
import type { Ack, Policy, Ranges } from '../shared/control.ts';
import type { EpochMilliseconds } from '../shared/units.ts';

/** One page life (`session`, 32 random hex digits) and how often its worker was started (`epoch`, from 0). */
export interface PageLife {
  readonly session: string;
  readonly epoch: number;
}

/** What numbers are unique within: records and measurements of a page life are numbered apart. */
export interface Life extends PageLife {
  readonly signal: Signal;
}

/** Numbers of one life that are stored. */
export interface Covered extends Life {
  readonly ranges: Ranges;
}

/**
 * A complete export request over the consecutive records `first` ... `first + count - 1`. Sequence numbers
 * count records, not chunks: whichever way the same records are cut (sealed, tail of an exit, halves), the
 * collector stores the ranges of numbers it has and drops what it has twice. Measurements are added up, so of a
 * chunk that it has in part it takes nothing, and the worker adds up the rest anew.
 */
export interface Chunk {
  readonly life: Life;
  readonly first: number;
  readonly count: number;
  readonly anomalous: boolean;
  /** OTLP/JSON text as UTF-8, or its gzip (first bytes 1f 8b). */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Worker to page: the data, and what became of it. */
export type ToPage =
  /** Comes before the first log that stands in it; a new life begins with one. */
  | { readonly kind: 'frame'; readonly life: Life; readonly id: number; readonly frame: Frame }
  /** Mirror of a record no chunk holds yet. */
  | { readonly kind: 'log'; readonly log: Log }
  | { readonly kind: 'chunk'; readonly chunk: Chunk }
  /** What measurements that no chunk holds yet add up to; it takes the place of drafts with some of them in. */
  | { readonly kind: 'draft'; readonly chunk: Chunk }
  /** Let go of what is unsent: consent was withdrawn, or the pipe was killed. */
  | { readonly kind: 'forget' }
  | { readonly kind: 'ledger'; readonly ledger: Ledger }
  /** A former page of this origin was told not to send before then. */
  | { readonly kind: 'hold'; readonly until: EpochMilliseconds }
  | { readonly kind: 'trouble'; readonly reason: string }
  | { readonly kind: 'done'; readonly call: number };

/** Page to worker: what the collector said, and what the application wants. */
export type ToWorker =
  /** A 2xx: the chunk's records are settled, and so is everything the answer covers. */
  | { readonly kind: 'ack'; readonly chunk: ChunkId; readonly ack: Ack }
  | { readonly kind: 'policy'; readonly policy: Policy }
  | { readonly kind: 'hold'; readonly until: EpochMilliseconds }
  /** A draft left the page: later measurements are to stand in another chunk. */
  | { readonly kind: 'left'; readonly chunk: ChunkId }
  /** 413, or 400 "too large": cut in two, or drop when it is one record. */
  | { readonly kind: 'oversize'; readonly chunk: ChunkId }
  /** 400: these records would be refused for ever. */
  | { readonly kind: 'refused'; readonly chunk: ChunkId; readonly reason: string }
  | { readonly kind: 'consent'; readonly consent: Consent; readonly call: number }
  | { readonly kind: 'kill' }
  | { readonly kind: 'flush'; readonly call: number };

export type ChunkId = Pick<Chunk, 'life' | 'first' | 'count'>;
