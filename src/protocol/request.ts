import type { InputOrigin, ModelIdentity, Operation, Outcome } from '../schema/record.ts';
import type { Sha256Hex } from '../shared/digest.ts';
import type { EpochMilliseconds, Milliseconds, Nats, Probability } from '../shared/units.ts';

/** What the application knows about a request; it travels on the record. */
export interface RequestContext {
  /** Yours or a new UUIDv7. */
  readonly requestId?: string;
  readonly cohort?: string;
  /** W3C Trace Context: 00-<32 hex>-<16 hex>-<2 hex>. */
  readonly traceparent?: string;
  /** Default `programmatic`. */
  readonly origin?: InputOrigin;
}

export interface GenerateOptions extends RequestContext {
  /** Default 32. */
  readonly maxNewTokens?: number;
  /** 0 or absent = greedy. */
  readonly temperature?: number;
  /** Keep the k likeliest tokens when sampling. */
  readonly topK?: number;
  /** Keep the smallest set of tokens with at least this probability when sampling. */
  readonly topP?: number;
  /** Same seed, same text. Default 0. */
  readonly seed?: number;
  /** Hook patterns to capture over the whole sequence, e.g. `blocks.*.attn.hook_pattern`. */
  readonly capture?: readonly string[];
}

export interface Token {
  readonly id: number;
  readonly text: string;
}

export interface TokenChance extends Token {
  readonly probability: Probability;
}

/** One generated token and what the model thought of it, over the full vocabulary. */
export interface Step {
  readonly index: number;
  readonly token: Token;
  /** Probability of the chosen token under softmax(logits), before temperature and truncation. */
  readonly confidence: Probability;
  readonly logProbability: Nats;
  /** -sum p ln p. */
  readonly entropy: Nats;
  /** p(first) - p(second). */
  readonly margin: Probability;
  /** The ten likeliest tokens, most likely first. */
  readonly topK: readonly TokenChance[];
  /** Since the request began. */
  readonly elapsed: Milliseconds;
}

export interface ClassChance {
  readonly label: string;
  readonly probability: Probability;
}

/** Everything needed to say later where an answer came from. */
export interface Provenance extends ModelIdentity {
  readonly recordId: string;
  readonly requestId: string;
  readonly traceId: string;
  readonly operation: Operation;
  readonly outcome: Outcome;
  readonly planDigest: Sha256Hex;
  /** 64 hex digits; absent before consent, or where storage is blocked. */
  readonly inputDigest?: string;
  readonly inputKeyId?: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly truncated: boolean;
  readonly inputOrigin: InputOrigin;
  readonly cohort?: string;
  readonly startedAt: EpochMilliseconds;
  readonly endedAt: EpochMilliseconds;
}

export interface Classification {
  readonly label: string;
  /** Calibrated by the model's temperature where it has one (`ModelInfo.temperature`). */
  readonly confidence: Probability;
  readonly entropy: Nats;
  readonly margin: Probability;
  /** All classes, most likely first. */
  readonly classes: readonly ClassChance[];
  readonly tokens: readonly Token[];
  readonly provenance: Provenance;
}

/** A captured hook before its values are read back. */
export interface CapturedHook {
  readonly name: string;
  readonly dims: readonly number[];
  /** Where the values lie until `get`: `gpu` costs a read-back, `cpu` was read within the run (WASM). */
  readonly location: 'gpu' | 'cpu';
}

export interface CaptureInfo {
  readonly tokens: readonly Token[];
  readonly hooks: readonly CapturedHook[];
  readonly provenance: Provenance;
}

/** What ends a generation. */
export interface GenerationEnd {
  readonly reason: 'length' | 'stop' | 'aborted';
  readonly provenance: Provenance;
  /** Prompt and generated tokens, in order. */
  readonly tokens: readonly Token[];
  readonly capture?: CaptureInfo;
}
