import { completeFeeds, type ModelInputs } from '../run/feeds.ts';
import { readFloatTensor } from '../run/float.ts';
import type { LoadedModel } from '../run/model.ts';
import type { Plan } from '../shared/plan.ts';
import type { Outcome } from '../shared/proof.ts';
import { mulberry32 } from '../shared/random.ts';
import { elementCount, type FloatTensor } from '../shared/tensor.ts';
import { inGroups, inHalves } from './groups.ts';
import { fails, skipped, type Tolerance, verdict } from './identity.ts';
import { underAnyCap } from './linear.ts';
import { noise, reversed } from './probe.ts';

/** Runs a plan over the model's inputs and what its edits are fed, and reads its taps. */
export async function runEdited(
  model: LoadedModel,
  inputs: ModelInputs,
  plan: Plan,
  fed: ReadonlyMap<string, FloatTensor>,
): Promise<ReadonlyMap<string, FloatTensor>> {
  const session = await model.sessions.open(plan);
  const { ort } = model.runtime;
  const feeds = completeFeeds(ort, model.instrumented, inputs);
  for (const [name, { data, dims }] of fed) feeds[name] = new ort.Tensor('float32', data, [...dims]);
  const fetches = await session.run(feeds);
  const read = new Map<string, FloatTensor>();
  for (const { hook, output } of session.graph.taps) {
    const tensor = fetches[output];
    if (tensor !== undefined) read.set(hook, await readFloatTensor(model.runtime, tensor));
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
  for (const group of inGroups(mappings, bytesOf, mostBytes))
    await inHalves(
      group,
      async (claims) => {
        for (const [mapping, own] of await sample(model, inputs, claims))
          found.set(mapping, judgeSamples(own, tolerance));
      },
      (only, error) => found.set(only, skipped(`${only.input} could not be fed back: ${error.message}`)),
    );
  return found;
}

const bytesOf = ({ inputDims, outputDims }: Mapping): number =>
  4 * (3 * elementCount(inputDims) + (4 + mixedRuns) * elementCount(outputDims));

/** What one input is fed over the runs. */
function madeUp(at: number, dims: readonly number[]): Readonly<Record<Choice, FloatTensor>> {
  const [first, second] = [noise(mulberry32(2 * at + 1), dims), noise(mulberry32(2 * at + 2), dims)];
  const middle = first.data.map((value, i) => (value + (second.data[i] ?? 0)) / 2);
  return { first, second, middle: { ...first, data: middle } };
}

async function sample(
  model: LoadedModel,
  inputs: ModelInputs,
  group: readonly Mapping[],
): Promise<ReadonlyMap<Mapping, Samples>> {
  const dims = new Map(group.map(({ input, inputDims }) => [input, inputDims]));
  const hooks = [...dims.keys()];
  const fed = new Map([...dims].map(([hook, size], at) => [hook, madeUp(at, size)]));
  const plan: Plan = {
    taps: [...new Set(group.map(({ output }) => output))],
    edits: hooks.map((hook) => ({ kind: 'replace', hook, input: `sonde.fed.${hook}` })),
  };
  const others = reversed(inputs) ?? inputs;
  const run = async (
    choose: (hook: string) => Choice,
    over: ModelInputs = inputs,
  ): Promise<ReadonlyMap<string, FloatTensor>> => {
    const chosen = [...fed].map(([hook, made]): [string, FloatTensor] => [
      `sonde.fed.${hook}`,
      made[choose(hook)],
    ]);
    return await runEdited(model, over, plan, new Map(chosen));
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
