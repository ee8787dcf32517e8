import type { ModelInputs } from '../run/feeds.ts';
import type { LoadedModel, ModelPart } from '../run/model.ts';
import { digestOf, type Json, type Sha256Hex, sha256 } from '../shared/digest.ts';
import { emptyPlan } from '../shared/plan.ts';
import { mulberry32 } from '../shared/random.ts';
import { readSafetensors, writeSafetensors } from '../shared/safetensors.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { availableHooks, captureOnce, groupsOf } from './capture.ts';
import { type Config, probeInputs, shortProbe } from './probe.ts';

/** What a short forward gives at every hook of a model: a tensor by hook name, longer ones drawn from. */
export type Golden = ReadonlyMap<string, FloatTensor>;

/** Of longer values so many are kept, drawn evenly. It bounds what a golden weighs: 2 KiB a hook. */
const mostValues = 512;

/** The same places for the same length, one out of each of equal stretches, so that no axis is hit always alike. */
function drawn({ type, dims, data }: FloatTensor): FloatTensor {
  if (data.length <= mostValues) return { type, dims, data };
  const random = mulberry32(data.length);
  const stretch = data.length / mostValues;
  const at = (index: number): number => Math.floor((index + random()) * stretch);
  const values = Float32Array.from({ length: mostValues }, (_, index) => data[at(index)] ?? Number.NaN);
  return { type, dims: [mostValues], data: values };
}

/**
 * Runs every graph of a model once with every hook tapped, on the device that it is open on; what the encoder gave is
 * what the decoder is fed.
 * @throws SondeError `run_failed` | `device_lost` | `out_of_memory`
 */
export async function recordGolden(parts: readonly ModelPart[], config: Config): Promise<Golden> {
  const golden = new Map<string, FloatTensor>();
  let states: FloatTensor | undefined;
  for (const { model } of parts) {
    const inputs = shortProbe(model.instrumented, config, states);
    for (const hooks of groupsOf(availableHooks(model.instrumented.hooks), inputs)) {
      const outputs = await captureOnce(model, inputs, hooks, (hook, value) => {
        golden.set(hook, drawn(value));
      });
      states = outputs.get('last_hidden_state');
    }
  }
  return golden;
}

/** Begins to open what `recordGolden` runs first. */
export function prepareGolden({ instrumented, sessions }: LoadedModel, inputs: ModelInputs): void {
  const [taps] = groupsOf(availableHooks(instrumented.hooks), inputs);
  // Whoever records it hears of what fails here.
  if (taps !== undefined) sessions.open({ ...emptyPlan, taps }).catch(() => undefined);
}

/** The hooks that are outputs of the graph itself, from a run in which nothing was tapped. */
export const untappedGolden = (
  { instrumented }: LoadedModel,
  outputs: ReadonlyMap<string, FloatTensor>,
): Golden =>
  new Map(
    instrumented.hooks.flatMap(({ name, source }) => {
      const value = source.kind === 'tap' ? outputs.get(source.tensor) : undefined;
      return value === undefined ? [] : [[name, drawn(value)]];
    }),
  );

/** What a golden belongs to: the bytes of the files, the hooks found in them, and what they are fed. */
export async function probeDigest(parts: readonly ModelPart[], config: Config): Promise<Sha256Hex> {
  const graphs = parts.map(async ({ weights, model: { instrumented } }, index) => ({
    files: weights.files.map((file) => file.sha256),
    hooks: instrumented.hooks as unknown as Json,
    inputs: await Promise.all(
      Object.entries(
        index === 0 ? shortProbe(instrumented, config) : probeInputs(instrumented, config, {}, 1),
      ).map(async ([name, { type, dims, data }]) => {
        const { buffer, byteOffset, byteLength } = data;
        return [
          name,
          type,
          dims,
          await sha256(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)),
        ];
      }),
    ),
  }));
  return digestOf(await Promise.all(graphs));
}

/** A golden as a safetensors file that names the probe it belongs to. */
export const writeGolden = (golden: Golden, probe: Sha256Hex): Uint8Array<ArrayBuffer> =>
  writeSafetensors({ tensors: golden, metadata: { probe } });

/**
 * @returns undefined for the golden of another file, or of hooks as another Sonde finds them
 * @throws SondeError `model_invalid`
 */
export function readGolden(file: Uint8Array<ArrayBuffer>, probe: Sha256Hex): Golden | undefined {
  const { tensors, metadata } = readSafetensors(file);
  return metadata.probe === probe ? (tensors as Golden) : undefined;
}
