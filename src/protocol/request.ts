import type { InputOrigin, ModelIdentity, Operation, Outcome } from '../schema/record.ts';
import type { Sha256Hex } from '../shared/digest.ts';
import type { AttentionStatistics, RowStatistics } from '../shared/statistics.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import type { EpochMilliseconds, Milliseconds, Nats, Probability } from '../shared/units.ts';
import type { Violations } from '../shared/violations.ts';
import type { Consent } from './telemetry.ts';

/** What the application knows about a request; it travels on the record. */
export interface RequestContext {
  /** Yours or a new UUIDv7. */
  readonly requestId?: string;
  readonly cohort?: string;
  /** What the request is for, such as `checkout`: 1 to 64 letters, digits and `_.:-`. */
  readonly flow?: string;
  /** Every request of this flow is to be looked into: `sonde_tier0_requests_introspected_total` tells how many are. */
  readonly critical?: boolean;
  /** W3C Trace Context: 00-<32 hex>-<16 hex>-<2 hex>. */
  readonly traceparent?: string;
  /** Default `programmatic`. */
  readonly origin?: InputOrigin;
  /** Of the prompt and its template: 1 to 64 letters, digits and `_.:-`. */
  readonly templateVersion?: string;
  /** Edits between the last paste and the request; 0 to 1,000. */
  readonly editsSincePaste?: number;
  /**
   * Passages that the input was built from, as a retriever found them. Their text stays here: the record says how many
   * they are, and after consent a digest under this install's key whether they are the same again.
   */
  readonly retrieved?: readonly string[];
  /**
   * Numbers of the application's own by the names that its baseline gives them (`makeBaseline`): they are held against
   * it for drift, and stay here.
   */
  readonly features?: Readonly<Record<string, number>>;
  /** Where the input is not what was declared, as `checkInput` counts it. */
  readonly violations?: Violations;
  /**
   * Out of distribution: the sampler keeps its record. Default: whether a drift alarm stands, for a model with a
   * baseline.
   */
  readonly suspicious?: boolean;
}

/** One turn of a conversation, for models whose tokenizer has a chat template. */
export interface Message {
  /** `system`, `user`, `assistant`, or what else the template knows. */
  readonly role: string;
  readonly content: string;
}

/**
 * How far to look inside. `off` runs the graph as published. `summary` gives statistics of attention and
 * activations with each step and keeps no values. `full` keeps every hook until `get`, within `captureBudget`.
 * Hook patterns (`blocks.*.attn.hook_pattern`) keep those hooks, and rows of attention come with each step.
 */
export type CaptureLevel = 'off' | 'summary' | 'full' | readonly string[];

export interface GenerateOptions extends RequestContext {
  /** Most tokens to make. Default 32. */
  readonly maxNewTokens?: number;
  /** Logits are divided by it, >= 0. 0 or absent = greedy: the likeliest token, and no other filter counts. */
  readonly temperature?: number;
  /** Keep the k likeliest tokens when sampling. 0 or absent = all. */
  readonly topK?: number;
  /** Then keep the smallest set of tokens with at least this probability, in (0, 1] (Holtzman et al. 2020). */
  readonly topP?: number;
  /** Then drop tokens less likely than this share of the likeliest, in [0, 1] (Nguyen et al. 2024). */
  readonly minP?: number;
  /**
   * Divides the logits, if positive, of tokens of the prompt and the text so far, and multiplies negative ones
   * (Keskar et al. 2019, as transformers does it). > 0; above 1 discourages. Counts when greedy too. Default 1.
   */
  readonly repetitionPenalty?: number;
  /** Same seed, same text. Default 0. */
  readonly seed?: number;
  /** Strings that end the text, wherever tokens are cut. They are no part of it, and no step shows them. */
  readonly stop?: readonly string[];
  /** Tokens that end the text, beside the model's own end of sequence. */
  readonly stopTokenIds?: readonly number[];
  /**
   * Tokens of one forward over the prompt, for less memory. Default: all at once. The result is the same up to
   * rounding; q8 files scale their activations over each forward, so there it may differ visibly.
   */
  readonly prefillChunk?: number;
  /**
   * Where prompt and new tokens exceed the model's context: `truncate` (default) leaves out the beginning of the
   * prompt, `error` refuses, `slide` goes on, each time the window is full, from its younger half.
   */
  readonly overflow?: 'error' | 'truncate' | 'slide';
  /** Default `off`. */
  readonly capture?: CaptureLevel;
  /** Most bytes that `full` and patterns may hold, estimated before the run. Default 512 MiB. */
  readonly captureBudget?: number;
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
  /**
   * With capture level `summary`: what the forward before this token looked like; the first step's spans the prompt.
   * More than one where the prompt ran in chunks.
   */
  readonly summaries?: readonly StepSummary[];
  /** With capture patterns: rows of attention [1, heads, queries, keys] by hook, of the forwards before this token. */
  readonly attention?: readonly StepAttention[];
}

/** Statistics of every layer in one forward. */
export interface StepSummary {
  readonly attention: readonly AttentionSummary[];
  readonly activations: readonly ActivationSummary[];
}

/** Each array is [heads, queries]. */
export interface AttentionSummary extends AttentionStatistics {
  readonly hook: string;
  readonly heads: number;
}

/** Each array has one number a position, `histogram` has 16. */
export interface ActivationSummary extends RowStatistics {
  readonly hook: string;
}

export type StepAttention = Readonly<Record<string, FloatTensor>>;

export interface ClassChance {
  readonly label: string;
  readonly probability: Probability;
}

/** A fault of the machine that a request met and got over. */
export interface Recovery {
  readonly code: 'device_lost' | 'out_of_memory';
  /** What happened, and what was done about it: plain sentences. */
  readonly message: string;
}

/** Everything needed to say later where an answer came from. */
export interface Provenance extends ModelIdentity {
  /** In the order met; absent where there were none. */
  readonly recoveries?: readonly Recovery[];
  /** To telemetry, when the request ended; absent where the application asks for none. */
  readonly consent?: Consent;
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
  readonly templateVersion?: string;
  readonly editsSincePaste?: number;
  /** Absent where the application named none. */
  readonly retrievedPassages?: number;
  /** 64 hex digits; absent where `inputDigest` is. */
  readonly retrievedDigest?: string;
  /** Of each passage, in order; they stay here and in files you save, so that a replay can say which one changed. */
  readonly passageDigests?: readonly string[];
  readonly inputMissing?: number;
  readonly inputExtra?: number;
  readonly inputOutOfRange?: number;
  readonly cohort?: string;
  readonly flow?: string;
  readonly startedAt: EpochMilliseconds;
  readonly endedAt: EpochMilliseconds;
}

/** Where a hook's mean over its rows lies, by 64 random planes of this install: near inputs have near hashes. */
export interface SimHash {
  /** 16 hex digits. */
  readonly hash: string;
  /** Of the install's key of the month. Absent before consent: then the planes are of this page life. */
  readonly keyId?: string;
}

export interface Classification {
  readonly label: string;
  /** Calibrated by the model's temperature where it has one (`ModelInfo.temperature`). */
  readonly confidence: Probability;
  readonly entropy: Nats;
  readonly margin: Probability;
  /** Present after `Model.calibrate`, on this visit or one before. */
  readonly calibrated?: {
    /** How often an answer this confident is right, by the labelled texts (Venn-Abers prediction). */
    readonly confidence: Probability;
    /** The same if this one were to turn out wrong, and right: far apart where few texts were this confident. */
    readonly lower: Probability;
    readonly upper: Probability;
    /** Labels that the true one is among with chance `coverage`, on texts like the labelled ones; it may be empty. */
    readonly set: readonly string[];
    readonly coverage: number;
    /** Labelled texts behind it. */
    readonly n: number;
  };
  /** All classes, most likely first. */
  readonly classes: readonly ClassChance[];
  readonly tokens: readonly Token[];
  readonly provenance: Provenance;
}

/** What a model would say of the next token if its residual stream ended after a block (nostalgebraist 2020). */
export interface LensPosition {
  /** -sum p ln p over the full vocabulary. */
  readonly entropy: Nats;
  /** p(first) - p(second). */
  readonly margin: Probability;
  /** The five likeliest tokens, most likely first. */
  readonly topK: readonly TokenChance[];
}

export interface Lens {
  readonly tokens: readonly Token[];
  /** By block, first to last; each by position. The last block's is what the model really says. */
  readonly layers: readonly { readonly hook: string; readonly positions: readonly LensPosition[] }[];
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
  /** The tokens that positions, queries and keys are. */
  readonly tokens: readonly Token[];
  /** Of an encoder-decoder: those of the hooks under `encoder.`, and of the keys of cross-attention. */
  readonly encoderTokens?: readonly Token[];
  readonly hooks: readonly CapturedHook[];
  readonly provenance: Provenance;
}

/** Counted over a whole generation. */
export interface GpuWork {
  /** Times the CPU waited for a result. */
  readonly synchronisations: number;
  readonly dispatches: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** What ends a generation. */
export interface GenerationEnd {
  readonly reason: 'length' | 'stop' | 'aborted';
  readonly provenance: Provenance;
  /** Prompt and generated tokens, in order. */
  readonly tokens: readonly Token[];
  /** What was generated, up to the stop string or the token that ended it. */
  readonly text: string;
  /** Sonde's own work on the GPU beside the runtime's; absent on WASM. */
  readonly gpu?: GpuWork;
  readonly capture?: CaptureInfo;
}
