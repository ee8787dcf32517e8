import type { ModelFolder } from '../load/load.ts';
import type { Tokenizer } from '../load/tokenizer.ts';
import type { DeviceReport } from '../protocol/device.ts';
import type { ModelInfo } from '../protocol/model.ts';
import type { LoadedModel, ModelPart } from '../run/model.ts';
import type { Calibration } from '../shared/calibration.ts';
import type { DriftWatch } from './drift.ts';

/** A variant of a model that runs. */
export interface OpenVariant {
  readonly parts: readonly ModelPart[];
  /** The last of them. */
  readonly model: LoadedModel;
  readonly report: DeviceReport;
}

/** Where a model's calibration is kept. */
export interface CalibrationKeeper {
  readonly current: Calibration | undefined;
  /** @returns whether it is there at the next visit */
  keep(calibration: Calibration): Promise<boolean>;
  forget(): Promise<void>;
}

/** A model the worker answers for. */
export interface ModelEntry {
  readonly info: ModelInfo;
  /** Every graph, in the order in which they feed each other. */
  readonly parts: readonly ModelPart[];
  /** The graph that answers: the last one. */
  readonly model: LoadedModel;
  readonly folder: ModelFolder;
  /** Absent for models of images and sound. */
  readonly tokenizer: Tokenizer | undefined;
  readonly calibration: CalibrationKeeper;
  /** Absent where the folder has no `baseline.json`. */
  readonly drift: Pick<DriftWatch, 'embedding' | 'state' | 'see'> | undefined;
}
