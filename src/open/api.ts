import type { Destination } from '../deliver/delivery.ts';
import type { DeviceChoice, Dtype } from '../protocol/device.ts';
import type { DriftEvent, DriftState } from '../protocol/drift.ts';
import type { FidelityProgress, ModelFidelity } from '../protocol/fidelity.ts';
import type { ModelInput, NamedInputs } from '../protocol/input.ts';
import type { LabelledText, LoadProgress, ModelInfo, StoredCalibration } from '../protocol/model.ts';
import type { ModelProof } from '../protocol/proof.ts';
import type {
  CaptureInfo,
  Classification,
  GenerateOptions,
  GenerationEnd,
  Lens,
  Message,
  RequestContext,
  SimHash,
  Step,
} from '../protocol/request.ts';
import type {
  Consent,
  Ledger,
  RecordDetail,
  Reported,
  Sampling,
  TelemetryEvent,
} from '../protocol/telemetry.ts';
import type { TextTelemetry } from '../schema/opt-in.ts';
import type { ServiceIdentity } from '../schema/record.ts';
import type { Calibration } from '../shared/calibration.ts';
import type { RawGraph } from '../shared/graph.ts';
import type { ProofProgress } from '../shared/proof.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import type { PickedModel } from './picked.ts';
import type { SentSession, StoredItem } from './privacy.ts';

export type TelemetryOptions = Destination & {
  /** Default `pending`. */
  readonly consent?: Consent;
  /**
   * Default `all`. `adaptive`: 1 to 10 % of the records, more of rare cohorts and of what is anomalous; each
   * carries the chance it had. Either way the operator may ask for fewer.
   */
  readonly sampling?: Sampling;
  /**
   * Default `coarse`: of its signals a record tells one at most, as one of 12 or 14 values, with a chance that travels
   * with it; times are told as bands too, sizes not at all. Whoever guesses the input among candidates is right at most
   * twice as often as by chance. `detailed`: every signal to 8 bits, sizes and times in full, which gives the text
   * away to whoever has it among their candidates. An `epsilon` takes the place of either.
   */
  readonly records?: RecordDetail;
  /**
   * Local differential privacy of each record (0.7 = ln 2: a guess among candidates is right at most twice as often
   * as by chance). Means over many records stay right; a single record says next to nothing. Default: none.
   */
  readonly epsilon?: number;
  /**
   * Default: no text leaves. With it masked texts do, after consent: `{ input: 'mask' }`. Whoever has a list of guesses
   * finds the text in it, so what `records` and `epsilon` promise of guesses does not hold any more; an `epsilon` beside
   * it is refused. Applications that attach to transformers.js hand Sonde no text, so none leaves.
   */
  readonly text?: TextTelemetry;
};

export interface SondeOptions {
  /** Default `auto`: WebGPU if a probe forward works on it, else WASM. */
  readonly device?: DeviceChoice;
  readonly service?: ServiceIdentity;
  readonly telemetry?: TelemetryOptions;
  /** For bundlers that do not follow `new Worker(new URL(...))`: make the worker from `sonde/worker`. */
  readonly worker?: () => Worker;
  /** Where onnxruntime's wasm lies, for bundlers that do not emit it. */
  readonly wasmPaths?: string;
}

export interface LoadOptions {
  /** Default: fp32 where the folder has it, else the first variant that works. */
  readonly dtype?: Dtype;
  /** Base address of the hub that a hub id is looked up on. Default: the public hub. */
  readonly hub?: string;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/** A look inside one forward. Values stay in the worker until `get`. */
export interface Capture extends CaptureInfo {
  /**
   * Reads one hook back, e.g. `blocks.2.attn.hook_pattern` with dims [1, heads, q, k].
   * @throws SondeError `hook_unknown` when it was not captured, `disposed` after `dispose`.
   */
  get(name: string): Promise<FloatTensor>;
  /**
   * SimHash of a hook's mean over its rows ([..., d] -> [d]), salted per install: `simHashAngle` tells how far two are
   * apart. It stays on the device, and says nothing under another install's salt.
   * @throws SondeError `hook_unknown` when it was not captured, `disposed` after `dispose`.
   */
  simHash(name: string): Promise<SimHash>;
  /** Frees the captured buffers. Twice is harmless. */
  dispose(): Promise<void>;
}

/** Leaving the `for await` aborts the generation. */
export interface Generation extends AsyncIterable<Step> {
  /** Resolves when the last step was taken, or the loop was left. */
  readonly end: Promise<GenerationEnd>;
  /** What the levels `full` and patterns keep, over prompt and generated tokens; rejects at the other levels. */
  readonly capture: Promise<Capture>;
}

export interface Abortable {
  readonly signal?: AbortSignal;
}

export interface ProveOptions extends Abortable {
  readonly onProgress?: (progress: ProofProgress) => void;
}

export interface FidelityOptions extends Abortable {
  /** Default: every one that the model has. Files of these are fetched. */
  readonly dtypes?: readonly Dtype[];
  readonly onProgress?: (progress: FidelityProgress) => void;
}

export interface Model extends ModelInfo {
  /**
   * Makes text, with a decoder or an encoder-decoder.
   * @param prompt a text, or a conversation for the model's chat template
   * @throws SondeError `wrong_task` | `empty_input` | `invalid_argument` | `context_overflow` | `capture_too_large` |
   * `hook_unknown` | `hook_unavailable` | `device_lost` | `aborted`
   */
  generate(prompt: string | readonly Message[], options?: GenerateOptions & Abortable): Generation;
  /**
   * One forward. An encoder-decoder runs both graphs; without `decoder_input_ids` its decoder reads the start token.
   * @throws SondeError `hook_unknown` | `hook_unavailable` | `empty_input` | `tokenizer_mismatch` | `aborted`
   */
  capture(
    input: ModelInput,
    patterns: readonly string[],
    options?: RequestContext & Abortable,
  ): Promise<Capture>;
  /** @throws SondeError `wrong_task` | `empty_input` */
  classify(text: string, options?: RequestContext & Abortable): Promise<Classification>;
  /**
   * Fits temperature, Venn-Abers prediction (isotonic regression twice) and prediction sets to labelled texts the model was not trained on, and
   * keeps them on this device under the digest of the model's files: `classify` then gives `calibrated` beside its own
   * confidence, on later visits too. What is kept holds no text. Nothing is recorded of it.
   * @param coverage chance that a prediction set holds the true class; 0.9 needs nine texts or more
   * @throws SondeError `wrong_task` | `invalid_argument` for too few texts or a label that is no class | `aborted`
   */
  calibrate(
    labelled: readonly LabelledText[],
    options?: Abortable & { readonly coverage?: number; readonly onProgress?: (done: number) => void },
  ): Promise<StoredCalibration>;
  /** What `classify` goes by; undefined before `calibrate`. */
  calibration(): Promise<Calibration | undefined>;
  /** Deletes it from this device. */
  forgetCalibration(): Promise<void>;
  /**
   * Logit lens: what a decoder-only model would say after each of its blocks, at each position. Final norm and
   * unembedding are the model's own.
   * @throws SondeError `wrong_task` | `empty_input` | `invalid_plan` where the end of the stream is in no tensor
   */
  lens(text: string, options?: RequestContext & Abortable): Promise<Lens>;
  /**
   * Holds every hook against the identities that any transformer of this anatomy fulfils, over forwards of made-up
   * inputs on the device in use. Other requests get their turn in between.
   * @throws SondeError `run_failed` | `graph_unsupported` | `aborted`
   */
  prove(options?: ProveOptions): Promise<ModelProof>;
  /**
   * How the requests so far compare with the `baseline.json` of the model's folder; undefined where it has none.
   * `Sonde.subscribe` tells of each full window.
   */
  drift(): Promise<DriftState | undefined>;
  /**
   * How far each device and dtype lies from WASM in fp32, hook by hook, over one short forward. What it lacks of the
   * model it fetches; other requests get their turn in between.
   * @throws SondeError `file_not_found` for a model without an fp32 file, `run_failed` where that does not run on WASM,
   * `device_lost` | `network` | `aborted`
   */
  fidelity(options?: FidelityOptions): Promise<ModelFidelity>;
  /** One row of seeded made-up inputs, for models whose real ones (images, sound) are not at hand. */
  madeUpInputs(): Promise<NamedInputs>;
  /** Every graph of the model as its file has it, without weights; fetched from the worker when asked. */
  graphs(): Promise<readonly RawGraph[]>;
  /** Frees sessions and buffers of this model. Twice is harmless. */
  dispose(): Promise<void>;
}

export interface Telemetry {
  readonly consent: Consent;
  setConsent(consent: Consent): Promise<void>;
  ledger(): Promise<Ledger>;
  /** Seals what is open and sends it now. */
  flush(): Promise<void>;
  /** Ends telemetry until the page is loaded again: nothing more leaves, what was pending is deleted and counted. */
  kill(): void;
  /** Calls back for every event from now on; returns how to stop. */
  subscribe(listener: (event: TelemetryEvent) => void): () => void;
}

/** What Sonde keeps in this browser and what left it, for the person whose browser it is. */
export interface Privacy {
  /** Every database and cache of Sonde on this origin, with how many entries it has; looking makes none. */
  stored(): Promise<readonly StoredItem[]>;
  /** What left this page, by session. Sessions of earlier visits are known only if this one sent what they left. */
  sent(): Promise<readonly SentSession[]>;
  /**
   * Withdraws consent, forgets calibrations and deletes every database and cache. What the collector has stays until
   * it is asked: with these digests.
   */
  deleteEverything(): Promise<readonly SentSession[]>;
}

/** One worker, one device, one mutex, one telemetry pipe, many models. */
export interface Sonde {
  /**
   * @param model URL of a folder (`/models/shakespeare-gpt`, `./models/name`), hub id (`org/name` or
   * `org/name@revision`: a relative folder of two parts must begin with `./`), the files of a folder as a person
   * picked or dropped them, a folder's handle, or one bare ONNX file
   */
  load(model: string | PickedModel, options?: LoadOptions): Promise<Model>;
  /**
   * Tells what became of a request, when it is known: joined by the collector with the record of that id.
   * @param requestId yours, or `provenance.requestId` of the answer
   * @throws SondeError `invalid_argument` without a `telemetry` option
   */
  outcome(requestId: string, reported: Reported): Promise<void>;
  /**
   * Calls back for each window of requests that was held against its model's baseline; returns how to stop. After a
   * window with alarms the requests of that model are marked `suspicious`, until a window without.
   */
  subscribe(listener: (event: DriftEvent) => void): () => void;
  readonly privacy: Privacy;
  /** Absent when no `telemetry` option was given. */
  readonly telemetry?: Telemetry;
  /** Ends the worker. Pending calls reject with `disposed`; records stay journalled. Twice is harmless. */
  dispose(): Promise<void>;
}
