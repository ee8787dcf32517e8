import { completeFeeds, type ModelInputs } from '../run/feeds.ts';
import { toFloatTensor } from '../run/float.ts';
import type { LoadedModel } from '../run/model.ts';
import { mulberry32 } from '../run/sample.ts';
import { SondeError } from '../shared/errors.ts';
import type { Plan } from '../shared/plan.ts';
import type { Outcome } from '../shared/proof.ts';
import { elementCount, type FloatTensor } from '../shared/tensor.ts';
import { fails, skipped, type Tolerance, verdict } from './identity.ts';
import { underAnyCap } from './linear.ts';
import { reversed } from './probe.ts';

/** Runs a plan over the model's inputs and what its edits are fed, and reads its taps. */
export async function runEdited(
  model: LoadedModel,
  inputs: ModelInputs,
  plan: Plan,
  fed: ReadonlyMap<string, FloatTensor>,
): Promise<ReadonlyMap<string, FloatTensor>> {
  const session = await model.sessions.open(plan);
  const { ort, exclusive } = model.runtime;
  const feeds = completeFeeds(ort, model.instrumented, inputs);
  for (const [name, { data, dims }] of fed) feeds[name] = new ort.Tensor('float32', data, [...dims]);
  const fetches = await session.run(feeds);
  const read = new Map<string, FloatTensor>();
  for (const { hook, output } of session.graph.taps) {
    const tensor = fetches[output];
    if (tensor === undefined) continue;
    if (tensor.location === 'gpu-buffer') await exclusive(() => tensor.getData(true));
    read.set(hook, toFloatTensor(tensor));
  }
  for (const tensor of Object.values(fetches)) tensor.dispose();
  return read;
}

/** A claim that `output` is a linear map of `input`, both hooks, and the sizes of both. */
export interface Mapping {
  readonly output: string;
  readonly input: string;
  readonly outputDims: readonly number[];
  readonly inputDims: readonly number[];
}

/** Which of two values each input is fed, run by run. The middle of both tells a linear map from any other. */
type Choice = 'first' | 'second' | 'middle';

/** Bytes of fed and tapped values that one run may hold. */
const mostBytes = 128 * 2 ** 20;
/** Runs over other tokens, each input fed one of its two values at random: no output can follow anything else. */
const mixedRuns = 3;

interface Samples {
  readonly first: Float32Array;
  readonly second: Float32Array;
  readonly middle: Float32Array;
  readonly mixed: readonly { readonly data: Float32Array; readonly choice: Choice }[];
}

function noise(seed: number, dims: readonly number[]): Float32Array {
  const random = mulberry32(seed);
  return Float32Array.from(
    { length: elementCount(dims) },
    () => random() + random() + random() + random() - 2,
  );
}

/**
 * Whether each output is one linear map of its input, shown by feeding made-up values back in place of the inputs:
 * f((a + b) / 2) = (f(a) + f(b)) / 2, and f(a) whatever else is fed elsewhere. A handful of forwards decides all
 * claims of a group at once, however wide the model is.
 */
export async function fedBack(
  model: LoadedModel,
  inputs: ModelInputs,
  mappings: readonly Mapping[],
  tolerance: Tolerance,
): Promise<ReadonlyMap<Mapping, Outcome>> {
  const found = new Map<Mapping, Outcome>();
  for (const group of groupsOf(mappings)) await feedGroup(model, inputs, group, tolerance, found);
  return found;
}

/** Claims whose values fit into memory together. */
function groupsOf(mappings: readonly Mapping[]): readonly (readonly Mapping[])[] {
  const groups: Mapping[][] = [];
  let room = 0;
  for (const mapping of mappings) {
    const bytes =
      4 * (3 * elementCount(mapping.inputDims) + (4 + mixedRuns) * elementCount(mapping.outputDims));
    room -= bytes;
    if (room < 0 || groups.length === 0) {
      groups.push([]);
      room = mostBytes - bytes;
    }
    groups.at(-1)?.push(mapping);
  }
  return groups;
}

/** All claims in one plan; where it cannot be carried out, one plan for each half. */
async function feedGroup(
  model: LoadedModel,
  inputs: ModelInputs,
  group: readonly Mapping[],
  tolerance: Tolerance,
  found: Map<Mapping, Outcome>,
): Promise<void> {
  try {
    const samples = await sample(model, inputs, group);
    for (const mapping of group) {
      const own = samples.get(mapping);
      if (own !== undefined) found.set(mapping, judgeSamples(own, tolerance));
    }
  } catch (error) {
    if (!(error instanceof SondeError) || error.code === 'aborted') throw error;
    const [only, ...others] = group;
    if (only !== undefined && others.length === 0) {
      found.set(only, skipped(`${only.input} could not be fed back: ${error.message}`));
      return;
    }
    const half = Math.ceil(group.length / 2);
    await feedGroup(model, inputs, group.slice(0, half), tolerance, found);
    await feedGroup(model, inputs, group.slice(half), tolerance, found);
  }
}

async function sample(
  model: LoadedModel,
  inputs: ModelInputs,
  group: readonly Mapping[],
): Promise<ReadonlyMap<Mapping, Samples>> {
  const dims = new Map(group.map(({ input, inputDims }) => [input, inputDims]));
  const hooks = [...dims.keys()];
  const plan: Plan = {
    taps: [...new Set(group.map(({ output }) => output))],
    edits: hooks.map((hook) => ({ kind: 'replace', hook, input: `sonde.fed.${hook}` })),
  };
  const others = reversed(inputs) ?? inputs;
  const run = async (
    choose: (hook: string) => Choice,
    over: ModelInputs = inputs,
  ): Promise<ReadonlyMap<string, FloatTensor>> => {
    const fed = new Map<string, FloatTensor>();
    for (const [at, hook] of hooks.entries()) {
      const size = dims.get(hook) ?? [];
      const choice = choose(hook);
      const [a, b] = [noise(2 * at + 1, size), noise(2 * at + 2, size)];
      const data =
        choice === 'first' ? a : choice === 'second' ? b : a.map((value, i) => (value + (b[i] ?? 0)) / 2);
      fed.set(`sonde.fed.${hook}`, { type: 'float32', dims: size, data });
    }
    return await runEdited(model, over, plan, fed);
  };
  try {
    const first = await run(() => 'first');
    const second = await run(() => 'second');
    const middle = await run(() => 'middle');
    const mixed: { choices: ReadonlyMap<string, Choice>; values: ReadonlyMap<string, FloatTensor> }[] = [];
    const random = mulberry32(7);
    for (let at = 0; at < mixedRuns; at++) {
      const choices = new Map(
        hooks.map((hook): [string, Choice] => [hook, random() < 0.5 ? 'first' : 'second']),
      );
      mixed.push({ choices, values: await run((hook) => choices.get(hook) ?? 'first', others) });
    }
    const dataOf = (values: ReadonlyMap<string, FloatTensor>, hook: string): Float32Array =>
      values.get(hook)?.data ?? new Float32Array();
    return new Map(
      group.map((mapping) => {
        const { output, input } = mapping;
        const own: Samples = {
          first: dataOf(first, output),
          second: dataOf(second, output),
          middle: dataOf(middle, output),
          mixed: mixed.map(({ choices, values }) => ({
            data: dataOf(values, output),
            choice: choices.get(input) ?? 'first',
          })),
        };
        return [mapping, own];
      }),
    );
  } finally {
    await model.sessions.close(plan);
  }
}

/** Root mean square of a - b, over the values. */
function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (const [at, value] of a.entries()) sum += (value - (b[at] ?? Number.NaN)) ** 2;
  return Math.sqrt(sum / a.length);
}

function judgeSamples({ first, second, middle, mixed }: Samples, { unexplained }: Tolerance): Outcome {
  const spread = distance(first, second);
  if (!(spread > 0)) return fails('it does not change with what is fed back');
  const alone = Math.max(
    ...mixed.map(({ data, choice }) => distance(data, choice === 'first' ? first : second) / spread),
  );
  if (!(alone <= unexplained)) return fails('it changes with more than what is fed back');
  const bend = (a: Float32Array, b: Float32Array, c: Float32Array): number =>
    distance(
      c,
      a.map((value, at) => (value + (b[at] ?? Number.NaN)) / 2),
    ) / distance(a, b);
  const plain = bend(first, second, middle);
  if (plain <= unexplained) return verdict(plain, unexplained, 'fed back');
  const capped = underAnyCap([first, second, middle], ([a, b, c]) =>
    a === undefined || b === undefined || c === undefined ? Number.POSITIVE_INFINITY : bend(a, b, c),
  );
  if (capped <= unexplained) return verdict(capped, unexplained, 'fed back, under a soft cap');
  return skipped('it follows from what is fed back alone, but not linearly: a norm stands between');
}
