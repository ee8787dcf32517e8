import type { ModelInputs } from '../run/feeds.ts';
import { toFloatTensor } from '../run/float.ts';
import { forward, type LoadedModel } from '../run/model.ts';
import { SondeError } from '../shared/errors.ts';
import type { Outcome, ProofProgress, Verdict } from '../shared/proof.ts';
import type { FloatTensor, Tensor } from '../shared/tensor.ts';
import { availableHooks, captureOnce, groupsOf } from './capture.ts';
import { fedBack, type Mapping, runEdited } from './fed.ts';
import { inHalves } from './groups.ts';
import { identitiesOf } from './identities.ts';
import { farthest, type Identity, largest, skipped, type Tolerance, verdict } from './identity.ts';
import { isLinear } from './linear.ts';
import { reversed, rowsReversed } from './probe.ts';
import { judge, type Proof, proofsOf } from './proof.ts';

/** How precise a graph's own arithmetic is; weights of 8 or 4 bits leave sums, norms and attention in float32. */
export type Precision = 'float32' | 'float16' | 'quantised products';

/**
 * float32: 1e-5 of the largest number that takes part is some 80 roundings, as fused sums over hundreds of terms
 * have. float16: 4e-3 is 8 roundings. Products of dynamically quantised activations are linear to a few percent.
 */
export const tolerances: Readonly<Record<Precision, Tolerance>> = {
  float32: { rounding: 1e-5, unexplained: 1e-3 },
  float16: { rounding: 4e-3, unexplained: 2e-2 },
  'quantised products': { rounding: 1e-5, unexplained: 1e-1 },
};

export interface Proved extends Proof {
  /** Hooks that the runtime refused to compute, with what it said. */
  readonly refused: ReadonlyMap<string, string>;
  /** The model's own outputs of the probe forward. */
  readonly outputs: ReadonlyMap<string, FloatTensor>;
}

/** A proof takes its time: what may stop it, and who hears how far it is. */
export interface Watch {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ProofProgress) => void;
}

/**
 * Forwards over seeded inputs with every hook tapped, held against the identities: no reference is needed. So many
 * hooks are tapped at once as memory allows; in between, others get their turn. A hook that the runtime refuses
 * costs further forwards, until it is found.
 * @throws SondeError `run_failed` when the model does not even run untapped, `aborted`
 */
export async function prove(
  model: LoadedModel,
  inputs: ModelInputs,
  precision: Precision,
  watch: Watch = {},
): Promise<Proved> {
  const { hooks } = model.instrumented;
  const wanted = availableHooks(hooks);
  const outputs = await runUntapped(model, inputs);
  const identities = identitiesOf(hooks);
  const refused = new Map<string, string>();
  const values = new Map<string, FloatTensor>();
  const given = inputs.input_ids;
  if (given !== undefined) values.set('input_ids', asFloat(given));
  const captured = new Set<string>();
  const verdicts = new Map<Identity, Verdict>();
  const sizes = new Map<string, readonly number[]>();
  const unseen = new Set(wanted.map(({ name }) => name));
  const forLens = lensHooks(wanted.map(({ name }) => name));
  const breathe = breather(watch.signal);
  const report = (): void =>
    watch.onProgress?.({
      captured: wanted.length - unseen.size,
      hooks: wanted.length,
      judged: verdicts.size,
      identities: identities.length,
    });

  for (const names of groupsOf(wanted, inputs)) {
    await inHalves(
      names,
      async (some) => {
        await captureOnce(model, inputs, some, async (hook, value) => {
          values.set(hook, value);
          await breathe();
        });
      },
      (only, error) => refused.set(only, error.message),
    );
    for (const name of names) {
      unseen.delete(name);
      const value = values.get(name);
      if (value === undefined) continue;
      captured.add(name);
      sizes.set(name, value.dims);
    }
    report();
    for (const identity of identities) {
      if (verdicts.has(identity) || identity.hooks.some((name) => unseen.has(name))) continue;
      for (const judged of judge([identity], values, tolerances[precision])) verdicts.set(identity, judged);
      if (await breathe()) report();
    }
    const needed = new Set(identities.flatMap((each) => (verdicts.has(each) ? [] : each.hooks)));
    for (const name of captured) if (!needed.has(name) && !forLens.has(name)) values.delete(name);
  }
  for (const [identity, outcome] of await feedWhatIsWide(
    model,
    inputs,
    verdicts,
    sizes,
    tolerances[precision],
  )) {
    const judged = verdicts.get(identity);
    if (judged !== undefined) verdicts.set(identity, { ...judged, outcome });
    await breathe();
  }
  const all = [
    ...identities.flatMap((identity) => verdicts.get(identity) ?? []),
    ...(await lensVerdicts(model, inputs, values, tolerances[precision])),
  ];
  report();
  return { hooks: proofsOf(hooks, captured, all), verdicts: all, refused, outputs };
}

/** Work of this many milliseconds without a break keeps other requests waiting. */
const longestTurn = 30;

/** Gives the thread back when it was held long enough. Resolves to whether it did; throws when told to stop. */
function breather(signal: AbortSignal | undefined): () => Promise<boolean> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < longestTurn) return false;
    await new Promise((resolve) => setTimeout(resolve));
    if (signal?.aborted)
      throw new SondeError('aborted', 'The proof was stopped.', 'Start it again when it is wanted.');
    since = performance.now();
    return true;
  };
}

/** Linear maps that the probe has too few rows to fit. */
async function feedWhatIsWide(
  model: LoadedModel,
  inputs: ModelInputs,
  verdicts: ReadonlyMap<Identity, Verdict>,
  sizes: ReadonlyMap<string, readonly number[]>,
  tolerance: Tolerance,
): Promise<ReadonlyMap<Identity, Outcome>> {
  const wide = new Map<Mapping, Identity>();
  for (const [identity, { outcome }] of verdicts) {
    const [output = '', input = ''] = identity.hooks;
    const [outputDims, inputDims] = [sizes.get(output), sizes.get(input)];
    if (identity.check !== isLinear || outcome.kind !== 'skipped') continue;
    if (outputDims !== undefined && inputDims !== undefined)
      wide.set({ output, input, outputDims, inputDims }, identity);
  }
  const found = await fedBack(model, inputs, [...wide.keys()], tolerance);
  return new Map(
    [...found].flatMap(([mapping, outcome]): [Identity, Outcome][] => {
      const identity = wide.get(mapping);
      return identity === undefined ? [] : [[identity, outcome]];
    }),
  );
}

/** The lens: what the head reads, and the end of the stream, decide the logits. Fed back over other inputs, they restore them. */
async function lensVerdicts(
  model: LoadedModel,
  inputs: ModelInputs,
  captured: ReadonlyMap<string, FloatTensor>,
  tolerance: Tolerance,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const [out, clean] of captured) {
    if (!out.endsWith('unembed.hook_out')) continue;
    for (const hook of decidersOf(out, [...captured.keys()])) {
      const value = captured.get(hook);
      const outcome =
        value === undefined ? skipped(`${hook} is not available`) : await restores(hook, value, out, clean);
      verdicts.push({
        claim: `${hook.split('hook_').pop()}, fed back over other inputs, restores the logits`,
        hooks: [out, hook],
        byConstruction: false,
        outcome,
      });
    }
  }
  return verdicts;

  async function restores(
    hook: string,
    value: FloatTensor,
    out: string,
    clean: FloatTensor,
  ): Promise<Outcome> {
    const others = reversed(inputs);
    if (others === undefined) return skipped('the probe has one input only');
    const limit = tolerance.rounding * largest(clean);
    const turned = rowsReversed(clean);
    if (farthest(clean.data, (at) => turned[at] ?? Number.NaN) <= limit)
      return skipped('every input of the probe gives the same logits');
    const plan = { taps: [out], edits: [{ kind: 'replace' as const, hook, input: 'sonde.probe' }] };
    try {
      const read = await runEdited(model, others, plan, new Map([['sonde.probe', value]]));
      const restored = read.get(out);
      if (restored === undefined) return skipped('the edited graph gave no logits');
      const difference = farthest(clean.data, (at) => restored.data[at] ?? Number.NaN);
      return verdict(difference, limit);
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      return skipped(`it could not be fed back: ${error.message}`);
    }
  }
}

/** What decides the logits `out`, of these hooks. */
function decidersOf(out: string, names: readonly string[]): readonly string[] {
  const prefix = out.slice(0, -'unembed.hook_out'.length);
  const ends = names.filter(
    (name) => name.startsWith(`${prefix}blocks.`) && /hook_(normalized_)?resid_post$/.test(name),
  );
  const last = ends.at(-1);
  const into = `${prefix}unembed.hook_in`;
  return [...(names.includes(into) ? [into] : []), ...(last === undefined ? [] : [last])];
}

/** Every hook whose value the lens needs. */
const lensHooks = (names: readonly string[]): ReadonlySet<string> =>
  new Set(
    names
      .filter((name) => name.endsWith('unembed.hook_out'))
      .flatMap((out) => [out, ...decidersOf(out, names)]),
  );

async function runUntapped(model: LoadedModel, inputs: ModelInputs): Promise<Map<string, FloatTensor>> {
  const { outputs } = await forward(model, inputs, []);
  const read = new Map<string, FloatTensor>();
  for (const [name, tensor] of Object.entries(outputs)) {
    if (tensor.location !== 'gpu-buffer') read.set(name, toFloatTensor(tensor));
    tensor.dispose();
  }
  return read;
}

const asFloat = ({ dims, data }: Tensor): FloatTensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data, Number),
});
