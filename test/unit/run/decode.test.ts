import { AutoModelForCausalLM, AutoModelForSeq2SeqLM, env, Tensor } from '@huggingface/transformers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readGoldens } from '../../../src/cli/golden-files.ts';
import { folderSource } from '../../../src/load/folder.node.ts';
import { createCache } from '../../../src/run/cache.ts';
import { createCaptureStore } from '../../../src/run/capture.ts';
import { type DecodeOptions, decode } from '../../../src/run/decode.ts';
import { type Generator, generatorOf } from '../../../src/run/generator.ts';
import { type NodeParts, openNodeParts } from '../../../src/run/open.node.ts';
import { createSampler } from '../../../src/run/sample.ts';
import { summarised, watchSummary } from '../../../src/run/watch.ts';

beforeAll(() => {
  env.allowRemoteModels = false;
  env.localModelPath = '';
});

const length = 12;

/** What transformers.js, on onnxruntime's own CPU build, makes of the same ids. */
async function theirs(
  folder: string,
  ids: readonly number[],
  options: Record<string, unknown> = {},
): Promise<number[]> {
  const kind = folder.endsWith('t5') ? AutoModelForSeq2SeqLM : AutoModelForCausalLM;
  const model = await kind.from_pretrained(folder, { dtype: 'fp32' });
  const whole = BigInt64Array.from(ids, BigInt);
  const output = await model.generate({
    inputs: new Tensor('int64', whole, [1, ids.length]),
    attention_mask: new Tensor(
      'int64',
      whole.map(() => 1n),
      [1, ids.length],
    ),
    max_new_tokens: length,
    do_sample: false,
    eos_token_id: -1,
    ...options,
  } as never);
  await model.dispose();
  return Array.from((output as unknown as { data: BigInt64Array }).data.slice(-length), Number);
}

async function promptOf(folder: string): Promise<number[]> {
  const { cases } = await readGoldens(folderSource(folder), 'fp32');
  return Array.from(cases.find(({ name }) => name === 'single')?.inputs.input_ids?.data ?? [], Number);
}

async function ours(
  generator: Generator,
  ids: readonly number[],
  options: Partial<DecodeOptions> = {},
): Promise<number[]> {
  const cache = createCache(generator.decoder);
  const isPair = generator.encoder !== undefined;
  const tokens: number[] = [];
  const decoding = decode(generator, isPair ? [1] : ids, cache, {
    sampler: createSampler({}),
    maxNewTokens: length,
    stop: new Set(),
    ...(isPair ? { source: ids } : {}),
    ...options,
  });
  for await (const { id } of decoding) tokens.push(id);
  cache.dispose();
  return tokens;
}

describe.each([
  'public/models/shakespeare-gpt',
  'test/zoo/gpt2',
  'test/zoo/llama-optimum',
  'test/zoo/llama-gqa-genai',
  'test/zoo/t5',
])('%s', (folder) => {
  let opened: NodeParts;
  let generator: Generator;
  let ids: number[];
  beforeAll(async () => {
    opened = await openNodeParts(folder);
    generator = generatorOf(opened.parts);
    ids = await promptOf(folder);
  });
  afterAll(() => opened.dispose());

  it('gives greedily the tokens that transformers.js gives', async () => {
    expect(await ours(generator, ids)).toEqual(await theirs(folder, ids));
  });

  it('penalises repetition as transformers.js does', async () => {
    const sampler = createSampler({ repetitionPenalty: 1.7 });
    expect(await ours(generator, ids, { sampler })).toEqual(
      await theirs(folder, ids, { repetition_penalty: 1.7 }),
    );
  });
});

describe('a decoder with a cache', () => {
  let opened: NodeParts;
  let generator: Generator;
  let ids: number[];
  beforeAll(async () => {
    opened = await openNodeParts('test/zoo/llama-gqa-genai');
    generator = generatorOf(opened.parts);
    ids = await promptOf('test/zoo/llama-gqa-genai');
  });
  afterAll(() => opened.dispose());

  it.each([1, 7, 23])(
    'gives the same tokens and captures with a prompt in chunks of %i',
    async (prefillChunk) => {
      const hook = 'blocks.1.attn.hook_pattern';
      const captured = async (chunk?: number) => {
        const { runtime, instrumented } = generator.decoder;
        const capture = createCaptureStore(runtime, instrumented.hooks);
        const tokens = await ours(generator, ids, {
          plan: { taps: [hook], edits: [] },
          capture,
          ...(chunk === undefined ? {} : { prefillChunk: chunk }),
        });
        const pattern = await capture.read(hook);
        capture.dispose();
        return { tokens, pattern };
      };
      const whole = await captured();
      const chunked = await captured(prefillChunk);
      expect(chunked.tokens).toEqual(whole.tokens);
      expect(chunked.pattern.dims).toEqual(whole.pattern.dims);
      const farthest = chunked.pattern.data.reduce(
        (most, value, at) => Math.max(most, Math.abs(value - (whole.pattern.data[at] ?? 0))),
        0,
      );
      expect(farthest).toBeLessThan(1e-5);
    },
  );

  it('goes on from a cache that was rolled back as if what was taken back had never been', async () => {
    const cache = createCache(generator.decoder);
    const options = { sampler: createSampler({}), maxNewTokens: 6, stop: new Set<number>() };
    const first: number[] = [];
    for await (const { id } of decode(generator, ids, cache, options)) first.push(id);
    expect(cache.ids).toEqual([...ids, ...first.slice(0, -1)]);
    const other = [...ids, ...first.slice(0, 2), 77, 78];
    cache.rollBack(ids.length + 2);
    expect(cache.ids).toHaveLength(ids.length + 2);
    const second: number[] = [];
    for await (const { id } of decode(generator, other, cache, options)) second.push(id);
    cache.dispose();
    expect(second).toEqual((await ours(generator, other)).slice(0, 6));
  });

  it('slides on from the younger half of a full window', async () => {
    const window = ids.length + 4;
    const whole = await ours(generator, ids, { window });
    // Four tokens fill the window, one is chosen from the full one, then its younger half is the prompt.
    const before = await theirs('test/zoo/llama-gqa-genai', ids);
    expect(whole.slice(0, 5)).toEqual(before.slice(0, 5));
    const half = [...ids, ...whole.slice(0, 5)].slice(-Math.floor(window / 2));
    expect(whole.slice(5)).toEqual((await theirs('test/zoo/llama-gqa-genai', half)).slice(0, length - 5));
  });

  it('gives the same summary from gathered taps', async () => {
    const { instrumented, executor } = generator.decoder;
    const plan = { taps: instrumented.resolve([...summarised]), edits: [] };
    const summaries: unknown[][] = [];
    for (const form of [{}, { isGathered: true as const }]) {
      const cache = createCache(generator.decoder);
      const watcher = watchSummary(executor);
      const steps: unknown[] = [];
      const options = { sampler: createSampler({}), maxNewTokens: 3, stop: new Set<number>() };
      for await (const { seen } of decode(generator, ids, cache, { ...options, ...form, plan, watcher }))
        steps.push(...seen);
      cache.dispose();
      summaries.push(steps);
    }
    expect(summaries[1]).toEqual(summaries[0]);
    expect(summaries[1]).toHaveLength(3);
  });

  it('gives the rows of a summary that whole attention gives', async () => {
    const { runtime, instrumented, executor } = generator.decoder;
    const taps = instrumented.resolve([...summarised]);
    const capture = createCaptureStore(runtime, instrumented.hooks);
    const cache = createCache(generator.decoder);
    const entropies: number[] = [];
    const watcher = watchSummary(executor);
    const options = { sampler: createSampler({}), maxNewTokens: 4, stop: new Set<number>() };
    for await (const { seen } of decode(generator, ids, cache, {
      ...options,
      plan: { taps, edits: [] },
      capture,
      watcher,
    }))
      for (const { attention, activations } of seen) {
        const found = attention.get('blocks.0.attn.hook_pattern');
        const rows = (found?.entropy.length ?? 0) / (found?.heads ?? 1);
        entropies.push(...(found?.entropy.slice(0, rows) ?? []));
        expect(activations.get('blocks.0.hook_resid_post')?.mean).toHaveLength(rows);
      }
    cache.dispose();
    const { data, dims } = await capture.read('blocks.0.attn.hook_pattern');
    capture.dispose();
    const [, , queries = 0, keys = 0] = dims;
    const expected = Array.from({ length: queries }, (_, query) =>
      data.slice(query * keys, (query + 1) * keys).reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0),
    );
    expect(entropies).toHaveLength(queries);
    entropies.forEach((entropy, query) => {
      expect(entropy).toBeCloseTo(expected[query] ?? -1, 4);
    });
  });
});
