export type { Names } from './mask/names.ts';
export { type MaskedText, maskText } from './mask/text.ts';
export { binningNoise } from './observe/calibration/binning-noise.ts';
export {
  applyCalibration,
  type Calibrated,
  type Calibration,
  calibrate,
} from './observe/calibration/calibrate.ts';
export { type Baseline, makeBaseline } from './observe/drift/baseline.ts';
export { DriftMonitor, seasonOf } from './observe/drift/monitor.ts';
export type { Traffic } from './observe/drift/statistics.ts';
export { type EmbeddingSignals, observeEmbedding } from './observe/embedding.ts';
export type { Estimate } from './observe/estimate.ts';
export { type HostedSignals, observeHosted } from './observe/hosted/openai.ts';
export { type CohortReport, joinOutcomes, reportByCohort } from './observe/outcomes.ts';
export { perturb } from './observe/probe/perturb.ts';
export { answerStability, type Stability } from './observe/probe/stability.ts';
export type * from './open/api.ts';
export type { PickedModel } from './open/picked.ts';
export { createSonde, openSonde } from './open/sonde.ts';
export type * from './protocol/device.ts';
export type * from './protocol/drift.ts';
export type * from './protocol/input.ts';
export type { PickedFile } from './protocol/inspector.ts';
export type * from './protocol/model.ts';
export type * from './protocol/proof.ts';
export type * from './protocol/request.ts';
export type * from './protocol/telemetry.ts';
export type * from './schema/record.ts';
export type * from './shared/drift.ts';
export { type ErrorCode, SondeError } from './shared/errors.ts';
export type { GraphNode, RawGraph } from './shared/graph.ts';
export type { Hook, HookProof, HookSource } from './shared/hook.ts';
export type { Outcome, ProofProgress, Verdict } from './shared/proof.ts';
export type { FloatTensor, Tensor } from './shared/tensor.ts';
