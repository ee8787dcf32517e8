import type { Sha256Hex } from '../shared/digest.ts';
import type { ErrorCode } from '../shared/errors.ts';
import type { EpochMilliseconds, Milliseconds, Nats, Probability } from '../shared/units.ts';

export type Operation = 'generate' | 'classify' | 'embed' | 'capture';
export type Outcome = 'ok' | 'aborted' | 'error';
/** How the input came about, as the application or the playground declares it. */
export type InputOrigin = 'typed' | 'pasted' | 'example' | 'programmatic';

/** Who runs this: constant for one `createSonde`, so it travels once per batch, on the OTLP resource. */
export interface ServiceIdentity {
  readonly name: string;
  readonly version?: string;
  readonly environment?: string;
  readonly owner?: string;
  /** Of the text that people consented to, as the application names it. */
  readonly consentVersion?: string;
}

/** What answered: fixed once a model is loaded on a device. */
export interface ModelIdentity {
  readonly modelId: string;
  /** Digest over the sorted list of (path, SHA-256) of every model file, tokenizer included. */
  readonly modelDigest: Sha256Hex;
  /** Absent for models of images and sound. */
  readonly tokenizerDigest?: Sha256Hex;
  readonly dtype: string;
  readonly device: 'webgpu' | 'wasm';
  readonly adapterVendor?: string;
  readonly adapterArchitecture?: string;
  readonly threads: number;
  /** Variants tried and rejected before this one. */
  readonly fallbacks: number;
  readonly sondeVersion: string;
  readonly runtimeVersion: string;
}

/** Whole-request aggregates of the token or class signals; never a value per token. */
export interface RequestSignals {
  readonly confidenceMean: Probability;
  readonly confidenceMin: Probability;
  readonly entropyMean: Nats;
  readonly entropyMax: Nats;
  readonly marginMean: Probability;
}

/** How large a request was. */
export interface RequestSize {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly truncated: boolean;
}

/** Tier 1: one request, with what of its signals and size is told. It holds no text in any field. */
export interface RequestRecord extends ModelIdentity, Partial<RequestSignals>, Partial<RequestSize> {
  /** UUIDv7. */
  readonly recordId: string;
  /** 32 hex digits, from the application's `traceparent` or new. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly requestId: string;
  readonly operation: Operation;
  readonly outcome: Outcome;
  readonly errorCode?: ErrorCode;
  readonly startedAt: EpochMilliseconds;
  readonly endedAt: EpochMilliseconds;
  readonly duration: Milliseconds;
  readonly timeToFirstToken?: Milliseconds;
  /** Time spent on taps and their summaries, outside the model's own forward. */
  readonly introspectionDuration?: Milliseconds;
  readonly planDigest: Sha256Hex;
  readonly hooksCaptured: number;
  /**
   * HMAC-SHA-256 of the input under a key that never leaves this install, as hex; behind the mask its first
   * 128 bits. Absent where storage is blocked.
   */
  readonly inputDigest?: string;
  readonly inputKeyId?: string;
  readonly inputOrigin: InputOrigin;
  /** Of the prompt and the template it was made with, as the application names it. */
  readonly templateVersion?: string;
  /** Edits between the last paste and the request. */
  readonly editsSincePaste?: number;
  /** Passages that the application retrieved and put into the input. */
  readonly retrievedPassages?: number;
  /** Of those passages, in their order, made and cut as `inputDigest` is. */
  readonly retrievedDigest?: string;
  /** Fields of the input that are not as declared. */
  readonly inputMissing?: number;
  readonly inputExtra?: number;
  readonly inputOutOfRange?: number;
  readonly cohort?: string;
  /** What the request was for, as the application names it, such as `checkout`. */
  readonly flow?: string;
  /** The application wants every request of this flow looked into. */
  readonly critical?: boolean;
  /** The application found the input out of distribution, or a drift alarm stood. */
  readonly suspicious?: boolean;
  /** Probability with which a record like this one is kept; 1 = always. */
  readonly inclusionProbability: Probability;
  /** Probability with which the signal that it tells is told; absent where a record tells them all, or none. */
  readonly signalProbability?: Probability;
  /** Masked; present only where the application asked for it. */
  readonly inputText?: string;
  readonly outputText?: string;
  /** Of the text that was generated; where the application asked for it. */
  readonly outputDigest?: string;
  /** Of the local differential privacy under which the record was made; absent where it was not. */
  readonly epsilon?: number;
}

/** A request as the worker knows it. */
export type FullRecord = RequestRecord & RequestSize;

/** What became of a request, known later and joined by its id. It holds no text in any field. */
export interface OutcomeRecord {
  /** UUIDv7. */
  readonly recordId: string;
  readonly requestId: string;
  readonly reportedAt: EpochMilliseconds;
  readonly cohort?: string;
  /** Class that the model gave. */
  readonly predicted?: string;
  /** Class that it turned out to be. */
  readonly label?: string;
  readonly value?: number;
  readonly cost?: number;
  readonly unsafe?: boolean;
  /** As the request's own record told it, where that was made in the same page life. */
  readonly modelId?: string;
  readonly modelDigest?: Sha256Hex;
  readonly critical?: boolean;
  readonly inclusionProbability?: Probability;
  readonly signalProbability?: Probability;
  readonly confidenceMean?: Probability;
  /** Joined by commas. */
  readonly tags?: string;
}
