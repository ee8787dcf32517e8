import type { ModelIdentity } from '../schema/record.ts';
import type { Calibration, CheckedPrediction } from '../shared/calibration.ts';
import type { Sha256Hex } from '../shared/digest.ts';
import type { Hook } from '../shared/hook.ts';
import type { Bytes, Milliseconds } from '../shared/units.ts';
import type { DeviceReport } from './device.ts';
import type { InputPort } from './input.ts';

export type Task =
  | 'text-generation'
  | 'text2text-generation'
  | 'text-classification'
  | 'feature-extraction'
  | 'other';

export interface FileDigest {
  readonly path: string;
  readonly bytes: Bytes;
  readonly sha256: Sha256Hex;
}

/** What a loaded model is; everything here was read from its files or measured, nothing assumed. */
export interface ModelInfo {
  readonly id: string;
  readonly task: Task;
  readonly architecture: string;
  readonly layers: number;
  readonly heads: number;
  readonly dModel: number;
  readonly vocabulary: number;
  /** Longest input in tokens; absent where the config does not say. */
  readonly context?: number;
  readonly labels?: readonly string[];
  /** Temperature the classifier's logits are divided by, from its card; absent = uncalibrated. */
  readonly temperature?: number;
  /** `unknown`: no attention was found; raw tensors can be captured all the same. */
  readonly kind: 'decoder' | 'encoder' | 'encoder-decoder' | 'unknown';
  /** What has to be given to run it; the rest (masks, positions, an empty cache) follows. */
  readonly inputs: readonly InputPort[];
  /** It reads text; else token ids or tensors. */
  readonly hasTokenizer: boolean;
  readonly hooks: readonly Hook[];
  readonly device: DeviceReport;
  readonly files: readonly FileDigest[];
  readonly identity: ModelIdentity;
}

export type LoadStage = 'fetch' | 'instrument' | 'session' | 'probe' | 'compare';

/** `loaded` of `total` bytes over all files while fetching; other stages carry the last byte counts. */
export interface LoadProgress {
  readonly stage: LoadStage;
  readonly file?: string;
  readonly loaded: Bytes;
  /** Absent while a server has not said how long a file is. */
  readonly total?: Bytes;
  /** True when the bytes came from Cache Storage. */
  readonly cached?: boolean;
  readonly elapsed: Milliseconds;
}

/** A text of which the class is known. */
export interface LabelledText {
  readonly text: string;
  /** As in `ModelInfo.labels`, or its index. */
  readonly label: string | number;
}

export interface StoredCalibration extends Calibration {
  /** Each text by a calibration fitted without it, in the order of the texts; empty for a dozen or fewer. */
  readonly checked: readonly CheckedPrediction[];
  /** It is there at the next visit; false where storage is blocked or full: then it holds while the model is loaded. */
  readonly stored: boolean;
}
