import type { Masked } from '../schema/masked.ts';
import type { TextTelemetry } from '../schema/opt-in.ts';
import type { RequestRecord, ServiceIdentity } from '../schema/record.ts';
import type { Calibration } from '../shared/calibration.ts';
import type { WireError } from '../shared/errors.ts';
import type { RawGraph } from '../shared/graph.ts';
import type { ProofProgress } from '../shared/proof.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import type {
  CalibrateRequest,
  CallId,
  Captured,
  CaptureRequest,
  Generated,
  GenerateRequest,
  ModelRequest,
  TextRequest,
} from './calls.ts';
import type { DeviceChoice, Dtype, Fallback } from './device.ts';
import type { DriftListener, DriftState } from './drift.ts';
import type { FidelityProgress, ModelFidelity } from './fidelity.ts';
import type { NamedInputs } from './input.ts';
import type { LoadProgress, ModelInfo, StoredCalibration } from './model.ts';
import type { ModelProof } from './proof.ts';
import type { Classification, GenerateOptions, Lens, RequestContext, SimHash } from './request.ts';
import type { PackedSteps } from './steps.ts';
import type { Consent, RecordDetail, Reported, Sampling } from './telemetry.ts';

/** Errors cross the thread as data: structured clone would drop their class and code. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: WireError };

export interface HelloOptions {
  /** The page's build; the worker refuses another with `version_mismatch`. */
  readonly version: string;
  /** A Web Lock the worker holds as long as it lives: the page is granted it when the worker is gone. */
  readonly lifeLock: string;
  readonly device: DeviceChoice;
  readonly wasmPaths?: string;
  readonly telemetry?: {
    readonly consent: Consent;
    /** Which page life the records belong to, and the how-manieth worker of it this is. */
    readonly life: { readonly session: string; readonly epoch: number };
    readonly service?: ServiceIdentity;
    readonly sampling?: Sampling;
    readonly records?: RecordDetail;
    readonly epsilon?: number;
    readonly text?: TextTelemetry;
  };
}

/** A file with its place in the folder it came from, e.g. `gpt2/onnx/model.onnx`. */
export interface PickedFile {
  readonly path: string;
  readonly file: File;
}

export interface LoadRequest {
  readonly call: CallId;
  readonly model: string | readonly PickedFile[];
  /** What a relative folder URL is resolved against. */
  readonly base: string;
  /** Base address of the hub that a hub id is looked up on. */
  readonly hub?: string;
  readonly dtype?: Dtype;
  /** What did not work out before: its device is not tried again. */
  readonly fallen?: Fallback;
}

export interface Loaded {
  readonly model: number;
  readonly info: ModelInfo;
}

/**
 * Steps flow with credits: the worker computes at most `creditWindow` steps ahead of what the page has taken. A small
 * model makes a token in less time than a message takes, so both ways several share one.
 */
export type StepMessage = ({ readonly kind: 'steps' } & PackedSteps) | { readonly kind: 'end' };
export interface CreditMessage {
  readonly kind: 'credit';
  readonly steps: number;
}
export const creditWindow = 16;

export type RecordListener = (raw: RequestRecord, masked: Masked<RequestRecord>) => void;

/** What the worker answers to, over Comlink. Model and capture handles are numbers. */
export interface InspectorApi {
  hello(
    options: HelloOptions,
    telemetryPort: MessagePort | undefined,
    onRecord: RecordListener,
    onDrift: DriftListener,
  ): Promise<Answer<{ version: string }>>;
  load(request: LoadRequest, onProgress: (progress: LoadProgress) => void): Promise<Answer<Loaded>>;
  generate(
    request: GenerateRequest,
    options: GenerateOptions,
    steps: MessagePort,
  ): Promise<Answer<Generated>>;
  capture(
    request: CaptureRequest,
    patterns: readonly string[],
    context: RequestContext,
  ): Promise<Answer<Captured>>;
  classify(request: TextRequest, context: RequestContext): Promise<Answer<Classification>>;
  /** @param onProgress hears how many texts were read */
  calibrate(
    request: CalibrateRequest,
    onProgress: (done: number) => void,
  ): Promise<Answer<StoredCalibration>>;
  calibration(model: number): Promise<Answer<Calibration | undefined>>;
  forgetCalibration(model: number): Promise<Answer<void>>;
  /** Of every model that is loaded. */
  forgetCalibrations(): Promise<Answer<void>>;
  lens(request: TextRequest, context: RequestContext): Promise<Answer<Lens>>;
  prove(request: ModelRequest, onProgress: (progress: ProofProgress) => void): Promise<Answer<ModelProof>>;
  drift(model: number): Promise<Answer<DriftState | undefined>>;
  fidelity(
    request: ModelRequest,
    dtypes: readonly Dtype[] | undefined,
    onProgress: (progress: FidelityProgress) => void,
  ): Promise<Answer<ModelFidelity>>;
  madeUpInputs(model: number): Promise<Answer<NamedInputs>>;
  graphs(model: number): Promise<Answer<readonly RawGraph[]>>;
  read(capture: number, hook: string): Promise<Answer<FloatTensor>>;
  simHash(capture: number, hook: string): Promise<Answer<SimHash>>;
  disposeCapture(capture: number): Promise<Answer<void>>;
  disposeModel(model: number): Promise<Answer<void>>;
  /** What became of a request, to be sent where consent was given. */
  outcome(requestId: string, reported: Reported): Promise<Answer<void>>;
  abort(call: CallId): void;
}
