import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GoldenCase, goldensOf, quantisedGoldensOf } from '../../src/cli/golden.ts';
import { loadFolder } from '../../src/load/load.ts';
import { remoteSource } from '../../src/load/remote.ts';
import type { Dtype } from '../../src/protocol/device.ts';
import { type Against, againstFor } from '../../src/prove/compare.ts';
import { identitiesOf } from '../../src/prove/identities.ts';
import { judge } from '../../src/prove/proof.ts';
import { openGpu } from '../../src/run/device.ts';
import { decoderInputs, type ModelInputs } from '../../src/run/feeds.ts';
import { toFloatTensor } from '../../src/run/float.ts';
import type { Gpu } from '../../src/run/gpu.ts';
import { loadWeights } from '../../src/run/load-parts.ts';
import { forward, type LoadedModel, openModel } from '../../src/run/model.ts';
import type { Runtime } from '../../src/run/runtime.ts';
import { startRuntime } from '../../src/run/runtime.worker.ts';
import { SondeError } from '../../src/shared/errors.ts';
import type { FloatTensor, Tensor } from '../../src/shared/tensor.ts';
import { matches, onWebgpu } from '../zoo/expected.ts';

let runtime: Runtime;
beforeAll(() => {
  runtime = startRuntime({ threads: 1 });
});

let gpu: Gpu;
beforeEach(async () => {
  gpu = await openGpu();
});
afterEach(() => gpu.device.destroy());

const partsOf = (name: string): readonly string[] =>
  name === 't5' ? ['encoder_model', 'decoder_model_merged'] : ['model'];

/** WebGPU sums in another order than the float64 of the identities, and fuses more. */
const tolerance = { rounding: 1e-4, unexplained: 1e-3 };

async function bytesAt(url: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await fetch(url)).arrayBuffer());
}

/** A forward over golden inputs. Goldens of quantised files are few rows; identities are judged over many. */
interface Run {
  readonly golden: GoldenCase;
  readonly isCompared: boolean;
  readonly isJudged: boolean;
}

async function runsOf(name: string, url: string, dtype: Dtype): Promise<readonly Run[]> {
  const [json, tensors] = [await bytesAt(`${url}golden.json`), await bytesAt(`${url}golden.safetensors`)];
  const { cases } = goldensOf(name, json, tensors);
  const runs = cases.map((golden) => ({ golden, isCompared: true, isJudged: golden.name === 'single' }));
  if (dtype === 'fp32' || dtype === 'fp16') return runs;
  const quantised = quantisedGoldensOf(name, await bytesAt(`${url}golden.${dtype}.safetensors`));
  return [
    ...runs.filter(({ isJudged }) => isJudged).map((run) => ({ ...run, isCompared: false })),
    ...quantised.cases.map((golden) => ({ golden, isCompared: true, isJudged: false })),
  ];
}

/** Captures every hook of a variant over its golden inputs and says what disagrees. */
async function wrongIn(name: string, dtype: Dtype): Promise<string[]> {
  const url = `${location.origin}/test/zoo/${name}/`;
  const source = remoteSource(name, url);
  const folder = await loadFolder(source, {});
  const runs = await runsOf(name, url, dtype);
  const models: LoadedModel[] = [];
  for (const part of partsOf(name)) {
    const weights = await loadWeights(source, dtype, {}, part);
    if (weights === undefined) throw new Error(`${name} has no ${part} in ${dtype}`);
    models.push(await openModel(runtime, folder, weights, gpu));
  }
  const wrong: string[] = [];
  try {
    for (const { golden, isCompared, isJudged } of runs) {
      const found = new Map<string, FloatTensor>();
      let fed = golden.inputs;
      for (const model of models) {
        const { values, states } = await captured(model, fed);
        for (const [hook, value] of values) found.set(hook, value);
        if (isJudged) wrong.push(...failures(model, values, models.length === 1 ? fed.input_ids : undefined));
        if (states !== undefined) fed = decoderInputs(golden.inputs, states);
      }
      if (isCompared) wrong.push(...disagreements(golden, found, againstFor(dtype, 'webgpu')));
    }
  } finally {
    for (const model of models) await model.sessions.dispose();
  }
  return wrong;
}

async function captured(
  model: LoadedModel,
  inputs: ModelInputs,
): Promise<{ readonly values: Map<string, FloatTensor>; readonly states?: FloatTensor }> {
  const names = model.instrumented.resolve(['**']);
  const { outputs, capture } = await forward(model, inputs, names);
  const values = new Map<string, FloatTensor>();
  for (const hook of names) values.set(hook, await capture.read(hook));
  const { last_hidden_state: states } = outputs;
  const read = states === undefined ? {} : { states: toFloatTensor(states) };
  capture.dispose();
  return { values, ...read };
}

function failures(
  { instrumented }: LoadedModel,
  values: ReadonlyMap<string, FloatTensor>,
  ids: Tensor | undefined,
): string[] {
  const known = new Map(values);
  if (ids !== undefined)
    known.set('input_ids', { ...ids, type: 'float32', data: Float32Array.from(ids.data, Number) });
  return judge(identitiesOf(instrumented.hooks), known, tolerance).flatMap(({ claim, hooks, outcome }) =>
    outcome.kind === 'fails' ? [`${claim} (${hooks.join(', ')}): ${outcome.why} ${outcome.difference}`] : [],
  );
}

function disagreements(
  { name, activations }: GoldenCase,
  values: ReadonlyMap<string, FloatTensor>,
  against: Against,
): string[] {
  return [...activations].flatMap(([hook, golden]) => {
    const value = values.get(hook);
    const comparison = value === undefined ? 'not captured' : against(golden, value);
    return typeof comparison === 'object' && comparison.kind === 'compared' && comparison.pass
      ? []
      : [`${name} ${hook}: ${JSON.stringify(comparison)}`];
  });
}

describe('the zoo on WebGPU', () => {
  const variants = Object.entries(onWebgpu).flatMap(([name, dtypes]) =>
    Object.entries(dtypes).map(([dtype, expected]) => ({ name, dtype: dtype as Dtype, expected })),
  );

  // An operator that is not implemented leaves the whole runtime unusable ("No cached or pending pipeline"): it comes last.
  const breaks = ({ expected }: { readonly expected: string }): number =>
    expected.includes('key_padding_mask') ? 1 : 0;
  variants.sort((a, b) => breaks(a) - breaks(b));

  it.each(variants)('$name $dtype: $expected', async ({ name, dtype, expected }) => {
    let found: string;
    try {
      expect(await wrongIn(name, dtype)).toEqual([]);
      found = 'pass';
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      found = `refused: ${error.message}`;
    }
    expect(found).toSatisfy(
      (outcome: string) => matches(expected, outcome),
      `what the table says: ${expected}`,
    );
  });
});
