import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compare, tolerances } from '../../src/cli/compare.ts';
import { type GoldenCase, goldensOf } from '../../src/cli/golden.ts';
import { loadFolder } from '../../src/load/load.ts';
import { remoteSource } from '../../src/load/remote.ts';
import type { Dtype } from '../../src/protocol/device.ts';
import { identitiesOf } from '../../src/prove/identities.ts';
import { judge } from '../../src/prove/proof.ts';
import { openGpu } from '../../src/run/device.ts';
import { decoderInputs } from '../../src/run/feeds.ts';
import { toFloatTensor } from '../../src/run/float.ts';
import type { Gpu } from '../../src/run/gpu.ts';
import { loadWeights } from '../../src/run/load-parts.ts';
import { forward, openModel } from '../../src/run/model.ts';
import type { Runtime } from '../../src/run/runtime.ts';
import { startRuntime } from '../../src/run/runtime.worker.ts';
import { SondeError } from '../../src/shared/errors.ts';
import type { FloatTensor } from '../../src/shared/tensor.ts';
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

/** Captures every hook of a variant over its golden inputs and says what disagrees. */
async function wrongIn(name: string, dtype: Dtype): Promise<string[]> {
  const url = `${location.origin}/test/zoo/${name}/`;
  const source = remoteSource(name, url);
  const folder = await loadFolder(source, {});
  const goldens = goldensOf(
    name,
    await bytesAt(`${url}golden.json`),
    await bytesAt(`${url}golden.safetensors`),
  );
  const golden = goldens.cases.find((each) => each.name === 'single');
  if (golden === undefined) throw new Error(`${name} has no golden inputs`);
  const wrong: string[] = [];
  let fed = golden.inputs;
  for (const part of partsOf(name)) {
    const weights = await loadWeights(source, dtype, {}, part);
    if (weights === undefined) throw new Error(`${name} has no ${part} in ${dtype}`);
    const model = await openModel(runtime, folder, weights, gpu);
    try {
      const names = model.instrumented.resolve(['**']);
      const { outputs, capture } = await forward(model, fed, names);
      const values = new Map<string, FloatTensor>();
      for (const hook of names) values.set(hook, await capture.read(hook));
      const states = outputs.last_hidden_state;
      if (states !== undefined) fed = decoderInputs(golden.inputs, toFloatTensor(states));
      capture.dispose();
      const ids = fed.input_ids;
      if (ids !== undefined && part === 'model')
        values.set('input_ids', { ...ids, type: 'float32', data: Float32Array.from(ids.data, Number) });
      for (const { claim, hooks, outcome } of judge(
        identitiesOf(model.instrumented.hooks),
        values,
        tolerance,
      ))
        if (outcome.kind === 'fails')
          wrong.push(`${claim} (${hooks.join(', ')}): ${outcome.why} ${outcome.difference}`);
      if (dtype === 'fp32') wrong.push(...disagreements(golden, values));
    } finally {
      await model.sessions.dispose();
    }
  }
  return wrong;
}

function disagreements({ activations }: GoldenCase, values: ReadonlyMap<string, FloatTensor>): string[] {
  return [...values].flatMap(([hook, value]) => {
    const golden = activations.get(hook);
    if (golden === undefined) return [];
    const comparison = compare(golden, value, tolerances.webgpu);
    return comparison.kind === 'compared' && comparison.pass
      ? []
      : [`${hook}: ${JSON.stringify(comparison)}`];
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
