import { folderSource } from '../load/folder.node.ts';
import type { ModelSource } from '../load/source.ts';
import type { Dtype } from '../protocol/device.ts';
import { type Against, againstFor, asGolden, type Comparison } from '../prove/compare.ts';
import { createCache } from '../run/cache.ts';
import { createCaptureStore } from '../run/capture.ts';
import { decode } from '../run/decode.ts';
import { generatorOf, hasDecoder } from '../run/generator.ts';
import { type NodeParts, openNodeParts } from '../run/open.node.ts';
import { createSampler } from '../run/sample.ts';
import { SondeError } from '../shared/errors.ts';
import { emptyPlan } from '../shared/plan.ts';
import type { Tensor } from '../shared/tensor.ts';
import type { GoldenCase, Goldens } from './golden.ts';
import { readGoldens } from './golden-files.ts';
import { openViewer, type Viewer } from './look.ts';
import { viewerOf } from './look-wasm.ts';
import { checkMoved } from './moved.ts';

/** One line of the table. */
export interface Checked {
  readonly name: string;
  readonly comparison: Comparison;
}

/** Why a hook cannot be captured, or nothing. */
function refusal({ parts }: NodeParts, hook: string): Comparison | undefined {
  let reason: Comparison | undefined;
  for (const { model } of parts)
    try {
      model.instrumented.resolve([hook]);
      return undefined;
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      const kind = error.code === 'hook_unavailable' ? 'unavailable' : 'failed';
      if (reason?.kind !== 'unavailable') reason = { kind, reason: error.message };
    }
  return reason;
}

async function checkCase(
  opened: NodeParts,
  { name, inputs, activations }: GoldenCase,
  look: Viewer['look'],
  against: Against,
): Promise<Checked[]> {
  const refused = new Map([...activations.keys()].map((hook) => [hook, refusal(opened, hook)]));
  const wanted = [...refused].flatMap(([hook, reason]) => (reason === undefined ? [hook] : []));
  let captured: ReadonlyMap<string, Tensor> = new Map();
  let failure: Comparison = { kind: 'failed', reason: 'it was not captured' };
  try {
    captured = await look(inputs, wanted);
  } catch (error) {
    if (!(error instanceof SondeError)) throw error;
    failure = { kind: 'failed', reason: error.message };
  }
  return [...activations].map(([hook, value]) => {
    const tensor = captured.get(hook);
    const found = tensor === undefined ? failure : against(value, asGolden(hook, value, tensor));
    return {
      name: name === 'single' ? hook : `${name}.${hook}`,
      comparison: refused.get(hook) ?? found,
    };
  });
}

/** Greedy decoding with the cache, against the tokens and logits that the reference gave without one. */
async function checkGeneration(
  { folder, parts }: NodeParts,
  { cases, generated }: Goldens,
  against: Against,
): Promise<Checked[]> {
  const source = cases.find(({ name }) => name === 'single')?.inputs.input_ids;
  if (generated === undefined || source === undefined || !hasDecoder(parts)) return [];
  const generator = generatorOf(parts);
  const { decoder, encoder } = generator;
  const ids = Array.from(source.data, Number);
  const head = decoder.instrumented.hooks.find(({ name }) => name.endsWith('unembed.hook_out'))?.name ?? '';
  const capture = createCaptureStore(decoder.runtime, decoder.instrumented.hooks);
  const cache = createCache(decoder);
  const tokens: number[] = [];
  const decoding = decode(generator, encoder === undefined ? ids : [folder.config.decoderStart ?? 0], cache, {
    plan: { ...emptyPlan, taps: [head] },
    sampler: createSampler({}),
    maxNewTokens: generated.tokens.length,
    stop: new Set(),
    source: ids,
    capture,
  });
  for await (const { id } of decoding) tokens.push(id);
  const { data } = await capture.read(head);
  const { dims } = generated.logits;
  const [rows = 0, vocabulary = 0] = dims;
  const first = data.length - generated.tokens.length * vocabulary;
  const logits: Tensor = { type: 'float32', dims, data: data.slice(first, first + rows * vocabulary) };
  cache.dispose();
  capture.dispose();
  const same = tokens.join() === generated.tokens.join();
  return [
    {
      name: `generate.tokens (${tokens.length})`,
      comparison: same
        ? { kind: 'compared', difference: 0, tolerance: 0, pass: true }
        : { kind: 'failed', reason: `decoded ${tokens.join(' ')}, golden is ${generated.tokens.join(' ')}` },
    },
    { name: 'generate.logits', comparison: against(generated.logits, logits) },
  ];
}

/**
 * Every golden of a model beside what Sonde captures.
 * @param named a folder of this machine, or a source
 * @throws SondeError `file_not_found` without goldens, `model_not_found` | `model_invalid` without a model,
 * `invalid_argument` for a dtype that goldens say nothing about
 */
export async function checkFolder(
  named: string | ModelSource,
  device: 'wasm' | 'webgpu',
  dtype: Dtype = 'fp32',
): Promise<readonly Checked[]> {
  const source = typeof named === 'string' ? folderSource(named) : named;
  const against = againstFor(dtype, device);
  const goldens = await readGoldens(source, dtype);
  const opened = await openNodeParts(source, dtype);
  let page: Viewer | undefined;
  try {
    if (device === 'webgpu') page = await openViewer(device, { source, dtype });
    const { look } = page ?? viewerOf(opened);
    const checked: Checked[] = goldens.missing.map((name) => ({
      name,
      comparison: { kind: 'failed', reason: 'golden.json names it, golden.safetensors lacks it' },
    }));
    for (const golden of goldens.cases) checked.push(...(await checkCase(opened, golden, look, against)));
    const [golden] = goldens.cases;
    if (golden !== undefined)
      checked.push(...(await checkMoved(opened.parts, (hooks) => look(golden.inputs, hooks))));
    if (device === 'wasm') checked.push(...(await checkGeneration(opened, goldens, against)));
    return checked;
  } finally {
    await page?.close();
    await opened.dispose();
  }
}

/** A hook that has a golden is required: one that the model cannot give is a failure too. */
export const passes = ({ comparison }: Checked): boolean => comparison.kind === 'compared' && comparison.pass;
