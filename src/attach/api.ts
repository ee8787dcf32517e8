import type { Telemetry, TelemetryOptions } from '../open/api.ts';
import type { DriftListener } from '../protocol/drift.ts';
import type { CapturedHook, RequestContext } from '../protocol/request.ts';
import type { FullRecord, ServiceIdentity } from '../schema/record.ts';
import type { Sha256Hex } from '../shared/digest.ts';
import type { Hook } from '../shared/hook.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import type { Nats, Probability } from '../shared/units.ts';

export interface AttachOptions {
  /** On a page only; a worker's records are carried by `connectSonde(worker)` on its page. */
  readonly telemetry?: TelemetryOptions;
  readonly service?: ServiceIdentity;
  /**
   * transformers.js' own `env`: with it a bundle that has another runtime inside is found at once; without it,
   * when a `request` or `capture` ends in which no session ran.
   */
  readonly env?: { readonly backends: { readonly onnx: { readonly wasm?: object | undefined } } };
}

/** One session of the application: one ONNX graph on one device. */
export interface AttachedModel {
  readonly device: 'webgpu' | 'wasm';
  /** As transformers.js names it (`fp32`, `q8` …) on the session; `unknown` until it did. */
  readonly dtype: string;
  readonly anatomy:
    | {
        readonly kind: 'decoder' | 'encoder' | 'encoder-decoder' | 'unknown';
        readonly layers: number;
        readonly heads: number;
        readonly dModel: number;
      }
    | undefined;
  /** Every hook under its TransformerLens name; unavailable ones with the reason. Empty where `plain`. */
  readonly hooks: readonly Hook[];
  /** Why Sonde left this session as the application asked for it: nothing can be captured from it. */
  readonly plain: string | undefined;
  /** SHA-256 of the graph and of its external data, by path; computed when first asked for. */
  digests(): Promise<readonly { readonly path: string; readonly sha256: Sha256Hex }[]>;
}

/** What one row of logits says, over the full vocabulary or over all classes: softmax(row), no temperature. */
export interface ObservedRow {
  /**
   * The token that the application took, known from the run after it and so absent at the last one; of a
   * classifier the likeliest class.
   */
  readonly chosen?: {
    readonly id: number;
    readonly confidence: Probability;
    readonly logProbability: Nats;
  };
  /** -sum p ln p, in [0, ln n]. */
  readonly entropy: Nats;
  /** p(first) - p(second). */
  readonly margin: Probability;
  /** The ten likeliest, most likely first. */
  readonly topK: readonly { readonly id: number; readonly probability: Probability }[];
}

export type ObservedSignals =
  /** rows[sequence][step]: one step a generated token. */
  | { readonly kind: 'tokens'; readonly rows: readonly (readonly ObservedRow[])[] }
  /** outputs[name][row][position]: of `logits` [b, c] one position a row, of [b, t, c] t (padding left out). */
  | {
      readonly kind: 'classes';
      readonly outputs: Readonly<Record<string, readonly (readonly ObservedRow[])[]>>;
    }
  | { readonly kind: 'none'; readonly why: string };

/** One request, when it has ended: one run of an encoder, or the runs that generate one answer. */
export interface ObservedRequest {
  /** The session whose logits gave the signals, with those before it whose outputs it read (an encoder's). */
  readonly models: readonly AttachedModel[];
  readonly signals: ObservedSignals;
  /**
   * As telemetry sends it, before the mask. `truncated` is false: cutting the input is the tokenizer's doing,
   * which Sonde does not see.
   */
  readonly record: FullRecord;
}

/** What one session's hooks gave while `capture` ran. Generations are joined over their steps. */
export interface AttachedCapture {
  readonly model: AttachedModel;
  readonly hooks: readonly CapturedHook[];
  /**
   * Largest difference of the model's outputs to those of the untapped graph on the first input of this plan:
   * 0 = bit-identical. Above 5e-4 the application got the untapped graph's outputs, and the taps come from a
   * second run beside it.
   */
  readonly deviation: number;
  /**
   * Reads one hook back, e.g. `blocks.0.attn.hook_pattern` with dims [1, heads, q, k].
   * @throws SondeError `hook_unknown` when it was not captured, `disposed` after `dispose`
   */
  get(hook: string): Promise<FloatTensor>;
  /** Frees the captured buffers. Twice is harmless. */
  dispose(): void;
}

/** Sonde inside an application that runs transformers.js in this thread. */
export interface TransformersInspector {
  /** Sessions in the order they were made; a released one leaves. */
  readonly models: readonly AttachedModel[];
  /** Absent in a worker, and where no `telemetry` was asked for. */
  readonly telemetry?: Telemetry;
  /** Calls back when a request has ended; a listener that throws is reported and disturbs nothing. */
  subscribe(listener: (request: ObservedRequest) => void): () => void;
  /**
   * Holds requests against what is usual, as `npx sonde baseline` finds it, and tells of each full window. While the
   * last one raised an alarm, records of such requests are marked for the sampler.
   * @param baseline what the file holds, parsed
   * @param isOf whether a request is of the baseline's model; by default all are
   * @returns what ends it
   * @throws SondeError `model_invalid` where it is no baseline
   */
  watchDrift(
    baseline: Readonly<Record<string, unknown>>,
    listener: DriftListener,
    isOf?: (request: ObservedRequest) => boolean,
  ): () => void;
  /**
   * Names the requests that begin inside. A `request` or `capture` waits for the one before it, so none can be begun
   * inside another, or both would wait for ever: it is refused. Engines other than V8 do not say who waits for whom
   * after an `await` in `work`, so there it does wait. Give `capture` its `context` instead.
   * @throws SondeError `second_runtime` when the application's pipelines use another copy of onnxruntime-web,
   * `invalid_argument` when begun inside another
   */
  request<T>(context: RequestContext, work: () => T | Promise<T>): Promise<T>;
  /**
   * Captures hooks in every run of this thread while `work` goes on. Patterns that a session does not have leave it
   * alone. Costs a second graph over the same weights, and once for each plan a run of the untapped one to compare.
   * Not to be begun inside another, as `request` says.
   * @param patterns globs or exact names, e.g. `blocks.*.attn.hook_pattern`
   * @throws SondeError `hook_unknown` | `hook_unavailable` when no session has them, `second_runtime`,
   * `invalid_argument` when nothing ran inside, or when begun inside another
   */
  capture<T>(
    patterns: readonly string[],
    work: () => T | Promise<T>,
    context?: RequestContext,
  ): Promise<{ readonly result: T; readonly captures: readonly AttachedCapture[] }>;
  /** Gives `InferenceSession.create` back. Sessions that are open go on, unobserved. Twice is harmless. */
  detach(): void;
}
