import type { Masked } from '../schema/masked.ts';
import type { RequestRecord } from '../schema/record.ts';
import type { Control } from '../shared/control.ts';
import type { Bytes, EpochMilliseconds } from '../shared/units.ts';

/** Before `granted` nothing is stored, keyed or sent; Global Privacy Control turns `granted` into `denied`. */
export type Consent = 'pending' | 'granted' | 'denied';

export type Sampling = 'all' | 'adaptive';

export type RecordDetail = 'coarse' | 'detailed';

/** Records go as OTLP logs; the measurements of tier 0 are added up and go as OTLP metrics. */
export type Signal = 'logs' | 'metrics';

/** What became of a request, as far as the application knows. */
export interface Reported {
  readonly cohort?: string;
  /** Class that the model gave, such as `Classification.label`. */
  readonly predicted?: string;
  /** Class that it turned out to be. */
  readonly label?: string;
  /** What it was worth and what it cost, in a unit of yours; sent in hundredths. */
  readonly value?: number;
  readonly cost?: number;
  /** A safety rule was triggered. */
  readonly unsafe?: boolean;
  /** Up to eight words of up to 32 letters, digits, `_.:-`. */
  readonly tags?: readonly string[];
}

/** Invariant, always: emitted = acknowledged + pending + sum(dropped). */
export interface Account {
  readonly emitted: number;
  readonly acknowledged: number;
  readonly pending: number;
  readonly dropped: Readonly<Record<string, number>>;
}

/** Counts records, and apart from them the measurements of tier 0: one for each request, whether sampled or not. */
export interface Ledger extends Account {
  readonly metrics: Account;
}

/** What the telemetry pipe did, for whoever wants to watch it (the playground's panel does). */
export type TelemetryEvent =
  | { readonly kind: 'record'; readonly raw: RequestRecord; readonly masked: Masked<RequestRecord> }
  | {
      readonly kind: 'sent';
      readonly signal: Signal;
      readonly at: EpochMilliseconds;
      /** Under which its records stand at the collector. */
      readonly session: string;
      readonly transport: 'fetch' | 'beacon';
      /** `function` or `console` where it went there. */
      readonly url: string;
      /** The body exactly as it left, gzip or OTLP/JSON text. */
      readonly body: Uint8Array<ArrayBuffer>;
      readonly size: Bytes;
      /** Of records, or of the measurements that it adds up. */
      readonly records: number;
      readonly seq: number;
    }
  | {
      readonly kind: 'answer';
      readonly at: EpochMilliseconds;
      readonly status: number;
      readonly control: Control;
    }
  | {
      readonly kind: 'trouble';
      readonly at: EpochMilliseconds;
      readonly reason: string;
      readonly blocked: boolean;
    }
  | { readonly kind: 'ledger'; readonly ledger: Ledger }
  | { readonly kind: 'consent'; readonly consent: Consent };
