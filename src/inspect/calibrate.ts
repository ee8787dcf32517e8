import { calibrate } from '../observe/calibration/calibrate.ts';
import { crossFit } from '../observe/calibration/cross-fit.ts';
import type { CalibrateRequest } from '../protocol/calls.ts';
import type { LabelledText, StoredCalibration } from '../protocol/model.ts';
import { SondeError } from '../shared/errors.ts';
import { classLogits, requireClassifier, textsOf } from './answers.ts';
import { prepare } from './inputs.ts';
import type { ModelEntry } from './model-entry.ts';

/** A message across the thread costs more than a text of a small model. */
const progressEvery = 20;

/** Runs the model over labelled texts, fits, and keeps what was fitted. No request: nothing is recorded of it. */
export async function calibrateEntry(
  entry: ModelEntry,
  { labelled, coverage }: CalibrateRequest,
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<StoredCalibration> {
  requireClassifier(entry);
  const labels = labelled.map(({ label }) => classOf(entry, label));
  const logits: Float32Array[] = [];
  for (const [done, { text }] of labelled.entries()) {
    signal.throwIfAborted();
    if (done % progressEvery === 0) onProgress(done);
    logits.push((await classLogits(entry, prepare(text, textsOf(entry), entry.info.context).inputs)).logits);
  }
  const calibration = calibrate(entry.info.identity.modelDigest, logits, labels, coverage);
  const checked = crossFit(logits, labels, coverage, entry.info.temperature ?? 1);
  return { ...calibration, checked, stored: await entry.calibration.keep(calibration) };
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
