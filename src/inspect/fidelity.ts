import { openByteCache } from '../load/cache.ts';
import type { ModelFolder } from '../load/load.ts';
import type { ReadOptions } from '../load/source.ts';
import type { DeviceFidelity, Dtype } from '../protocol/device.ts';
import { toleranceOf } from '../prove/compare.ts';
import { errorsOf, worstOf } from '../prove/fidelity.ts';
import { type Golden, probeDigest, readGolden, recordGolden, writeGolden } from '../prove/golden.ts';
import { closeModel, type ModelPart, onWasm } from '../run/model.ts';
import type { Sha256Hex } from '../shared/digest.ts';
import { SondeError } from '../shared/errors.ts';
import type { HookError } from '../shared/hook.ts';

/** Where a golden lies beside its model. */
export const goldenFile = (dtype: Dtype): string =>
  dtype === 'fp32' ? 'probe.safetensors' : `probe.${dtype}.safetensors`;

/** The file that a model may ship. One that is missing, or cannot be had, is a golden to be recorded. */
export const readShipped = (
  { source }: ModelFolder,
  dtype: Dtype,
  { signal }: ReadOptions,
): Promise<Uint8Array<ArrayBuffer> | undefined> =>
  source.read(goldenFile(dtype), signal === undefined ? {} : { signal }).catch(() => undefined);

/**
 * Bytes of weights that are run a second time, on WASM. The runtime may copy them into its heap and once more into the
 * layout of its kernels; that heap ends at 4 GiB.
 */
const mostWeights = 2 ** 30;

const weightOf = (parts: readonly ModelPart[]): number =>
  parts.flatMap(({ weights }) => weights.files).reduce((sum, file) => sum + file.bytes, 0);

/** @throws SondeError `run_failed`, where the weights are too large before anything is tried */
export async function recordOnWasm(
  parts: readonly ModelPart[],
  config: ModelFolder['json'],
): Promise<Golden> {
  const weight = weightOf(parts);
  if (weight > mostWeights) throw tooLarge(weight);
  const reference = parts.map(onWasm);
  try {
    return await recordGolden(reference, config);
  } catch (error) {
    // What runs in earnest has its memory: nobody shall take this for its own fault.
    throw error instanceof SondeError && error.code === 'out_of_memory' ? tooLarge(weight) : error;
  } finally {
    for (const { model } of reference) await closeModel(model);
  }
}

const tooLarge = (weight: number): SondeError =>
  new SondeError(
    'run_failed',
    `${(weight / 1e9).toFixed(1)} GB of weights do not fit into the memory of WASM beside the model.`,
    'Ship a golden beside the model: sonde probe makes one.',
  );

/** Not that the device is gone, or that somebody stopped it: a fault of this variant on this device. */
export const isOfVariant = (error: unknown): error is SondeError =>
  error instanceof SondeError && !['aborted', 'device_lost'].includes(error.code);

const unproved = (reason: string): DeviceFidelity => ({ kind: 'unproved', reason });

/** A model that ran once as it is: what is left to see is whether it gave what it should. */
export interface Ran {
  readonly parts: readonly ModelPart[];
  readonly dtype: Dtype;
  /** The hooks that are outputs of the graph itself, from that run. */
  readonly untapped: Golden;
}

/**
 * Holds a device to a golden of the same files: the one that was shipped, else what WASM gives, kept for the next load.
 * WASM itself is held to a shipped golden only, and by what it answers: a second session for every hook would take it
 * nearly as long as all else of a load.
 * @param shipped the file beside the model, if there is one
 * @param onDeviation hears the error of the worst hook, also of a device that is refused for it
 * @throws SondeError `run_failed` where a hook is off by more than rounding
 */
export async function holdToGolden(
  { parts, dtype, untapped }: Ran,
  { json }: ModelFolder,
  device: 'webgpu' | 'wasm',
  shipped: Uint8Array<ArrayBuffer> | undefined,
  onDeviation: (error: number) => void,
): Promise<DeviceFidelity> {
  const probe = await probeDigest(parts, json);
  const beside = goldenIn(shipped, probe);
  if (beside === undefined && device === 'wasm')
    return unproved('WASM is what other devices are held to, and no golden of this file lies beside it.');
  let reference: Reference;
  let tapped: Golden;
  try {
    tapped = device === 'wasm' && untapped.size > 0 ? untapped : await recordGolden(parts, json);
    reference =
      beside === undefined
        ? ((await keptGolden(probe)) ?? (await newGolden(parts, json, probe)))
        : { golden: 'shipped', values: beside };
  } catch (error) {
    if (!isOfVariant(error)) throw error;
    return unproved(error.message);
  }
  const { golden, values } = reference;
  const errors = errorsOf(values, tapped);
  const all = [...errors, ...errorsOf(values, untapped)];
  const worst = worstOf(all);
  if (worst === undefined) return unproved('The model has no hook that could be compared.');
  onDeviation(worst.error);
  const tolerance = toleranceOf(dtype, device);
  // In graph order: what went wrong went wrong first there.
  const wrong = all.find(({ error }) => !(error <= tolerance));
  if (wrong !== undefined) throw inexact(wrong, tolerance);
  return { kind: 'proved', golden, hooks: errors.length, worst, tolerance };
}

interface Reference {
  readonly golden: 'shipped' | 'cached' | 'recorded';
  readonly values: Golden;
}

/** A file that is damaged is as good as none. */
function goldenIn(file: Uint8Array<ArrayBuffer> | undefined, probe: Sha256Hex): Golden | undefined {
  try {
    return file === undefined ? undefined : readGolden(file, probe);
  } catch {
    return undefined;
  }
}

/** In the cache of model files: like them it says something of the model, and nothing of the person. */
const cacheKey = (probe: Sha256Hex): string => `https://golden.sonde.invalid/${probe}`;

async function keptGolden(probe: Sha256Hex): Promise<Reference | undefined> {
  const kept = await (await openByteCache())?.match(cacheKey(probe));
  const values = goldenIn(kept?.body, probe);
  return values === undefined ? undefined : { golden: 'cached', values };
}

async function newGolden(
  parts: readonly ModelPart[],
  config: ModelFolder['json'],
  probe: Sha256Hex,
): Promise<Reference> {
  const values = await recordOnWasm(parts, config);
  await (await openByteCache())?.put(cacheKey(probe), writeGolden(values, probe), undefined);
  return { golden: 'recorded', values };
}

const inexact = ({ hook, error }: HookError, tolerance: number): SondeError =>
  new SondeError(
    'run_failed',
    Number.isFinite(error)
      ? `${hook} differs by ${error.toPrecision(2)} of its largest value from the reference (tolerance ${tolerance}).`
      : `${hook} has another shape than in the reference, or values that are no numbers.`,
    'Try another dtype, or device "wasm".',
  );
