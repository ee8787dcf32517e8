import { calibrate } from '../observe/calibration/calibrate.ts';
import type { CalibrateRequest } from '../protocol/calls.ts';
import type { LabelledText, StoredCalibration } from '../protocol/model.ts';
import { SondeError } from '../shared/errors.ts';
import { classLogits, requireClassifier, textsOf } from './answers.ts';
import { prepare } from './inputs.ts';
import type { ModelEntry } from './model-entry.ts';

/** Runs the model over labelled texts, fits, and keeps what was fitted. No request: nothing is recorded of it. */
export async function calibrateEntry(
  entry: ModelEntry,
  { labelled, coverage }: CalibrateRequest,
  signal: AbortSignal,
): Promise<StoredCalibration> {
  requireClassifier(entry);
  const labels = labelled.map(({ label }) => classOf(entry, label));
  const logits: Float32Array[] = [];
  for (const { text } of labelled) {
    signal.throwIfAborted();
    logits.push(await classLogits(entry, prepare(text, textsOf(entry), entry.info.context).inputs));
  }
  const calibration = calibrate(entry.info.identity.modelDigest, logits, labels, coverage);
  return { ...calibration, stored: await entry.calibration.keep(calibration) };
}

function classOf({ info }: ModelEntry, label: LabelledText['label']): number {
  const index = typeof label === 'number' ? label : (info.labels?.indexOf(label) ?? -1);
  if (index >= 0) return index;
  throw new SondeError(
    'invalid_argument',
    `"${label}" is no class of ${info.id}.`,
    info.labels === undefined
      ? 'This model names no classes: give their indices.'
      : `Give one of ${info.labels.join(', ')}, or its index.`,
  );
}
