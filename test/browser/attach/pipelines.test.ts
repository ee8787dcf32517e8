import { type DataType, type PipelineType, RawImage } from '@huggingface/transformers';
import { describe, expect, it } from 'vitest';
import { attach, type ObservedRequest, type ObservedRow } from '../../../src/transformers.ts';
import { env, expectedRow, open, type Pipe, type SeenRun, watch } from './scene.ts';

interface Case {
  readonly task: PipelineType;
  readonly model: string;
  /** Default fp32. */
  readonly dtype?: DataType;
  /** What an application does with its pipeline. */
  readonly use: (pipe: Pipe) => Promise<unknown>;
  readonly operation: ObservedRequest['record']['operation'];
  readonly requests: number;
  readonly patterns?: readonly string[];
  /** Attention maps that should be captured in each request. */
  readonly maps: number;
}

const greedy = { max_new_tokens: 5, do_sample: false };
const sound = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin(i / 7) * Math.sin(i / 900));
const pixels = Uint8ClampedArray.from({ length: 32 * 32 * 3 }, (_, i) => (i * 37) % 256);
const encoderDecoder = [
  'encoder.blocks.*.attn.hook_pattern',
  'decoder.blocks.*.attn.hook_pattern',
  'decoder.blocks.*.cross_attn.hook_pattern',
];

const cases: readonly Case[] = [
  {
    task: 'text-generation',
    model: 'zoo/gpt2',
    use: (pipe) => pipe('the king and the', greedy),
    operation: 'generate',
    requests: 1,
    maps: 3,
  },
  {
    task: 'text-generation',
    model: 'zoo/gpt2',
    dtype: 'q8',
    use: (pipe) => pipe('the king and the', greedy),
    operation: 'generate',
    requests: 1,
    maps: 3,
  },
  {
    task: 'text-generation',
    model: 'zoo/llama-gqa-genai',
    dtype: 'q4f16',
    use: (pipe) => pipe('the king and the', greedy),
    operation: 'generate',
    requests: 1,
    maps: 3,
  },
  {
    task: 'text-classification',
    model: 'zoo/bert-classifier',
    use: (pipe) => pipe('a sad film', { top_k: null }),
    operation: 'classify',
    requests: 1,
    maps: 3,
  },
  {
    task: 'feature-extraction',
    model: 'zoo/distilbert',
    use: (pipe) => pipe('a sad film', { pooling: 'mean', normalize: true }),
    operation: 'embed',
    requests: 1,
    maps: 3,
  },
  {
    task: 'image-classification',
    model: 'zoo/vit',
    use: (pipe) => pipe(new RawImage(pixels, 32, 32, 3), { top_k: 10 }),
    operation: 'classify',
    requests: 1,
    maps: 3,
  },
  {
    task: 'summarization',
    model: 'zoo/t5',
    use: (pipe) => pipe('the king and the queen', greedy),
    operation: 'generate',
    requests: 1,
    patterns: encoderDecoder,
    maps: 9,
  },
  {
    task: 'token-classification',
    model: 'pipelines/tokens',
    use: (pipe) => pipe('the king lives in rome'),
    operation: 'classify',
    requests: 1,
    maps: 2,
  },
  {
    task: 'question-answering',
    model: 'pipelines/answers',
    use: (pipe) => pipe('who lives in rome?', 'the king lives in rome'),
    operation: 'classify',
    requests: 1,
    maps: 2,
  },
  {
    task: 'fill-mask',
    model: 'pipelines/mask',
    use: (pipe) => pipe('the [MASK] lives in rome'),
    operation: 'classify',
    requests: 1,
    maps: 2,
  },
  {
    task: 'zero-shot-classification',
    model: 'pipelines/entailment',
    use: (pipe) => pipe('the king lives in rome', ['politics', 'sport', 'science']),
    operation: 'classify',
    requests: 3,
    maps: 2,
  },
  {
    task: 'automatic-speech-recognition',
    model: 'pipelines/whisper',
    use: (pipe) => pipe(sound, greedy),
    operation: 'generate',
    requests: 1,
    patterns: encoderDecoder,
    maps: 6,
  },
];

/** The rows of logits [.., t, V] or [b, c] that a run gave. */
function rowsOf(seen: SeenRun, name: string): readonly (readonly number[])[] {
  const { dims = [], data = [] } = seen.outputs[name] ?? {};
  const width = dims.at(-1) ?? 1;
  return Array.from({ length: data.length / width }, (_, row) => data.slice(row * width, (row + 1) * width));
}

function expectRow(
  row: ObservedRow | undefined,
  logits: readonly number[],
  chosen: number | undefined,
): void {
  const { probabilities, entropy, margin } = expectedRow(logits);
  expect(row?.entropy).toBeCloseTo(entropy, 5);
  expect(row?.margin).toBeCloseTo(margin, 5);
  expect(row?.chosen?.id).toBe(chosen);
  if (chosen !== undefined) expect(row?.chosen?.confidence).toBeCloseTo(probabilities[chosen] ?? -1, 6);
  for (const { id, probability } of row?.topK ?? [])
    expect(probability).toBeCloseTo(probabilities[id] ?? -1, 6);
}

/** Every signal again, from what the library itself was given without Sonde. */
function expectSignals({ signals, record }: ObservedRequest, runs: readonly SeenRun[]): void {
  if (signals.kind === 'tokens') {
    const decoding = runs.filter(({ outputs }) => outputs.logits !== undefined);
    expect(signals.rows).toHaveLength(1);
    expect(signals.rows[0]).toHaveLength(decoding.length);
    expect(record.outputTokens).toBe(decoding.length);
    for (const [step, run] of decoding.entries()) {
      const next = decoding[step + 1]?.ids.at(-1);
      expectRow(signals.rows[0]?.[step], rowsOf(run, 'logits').at(-1) ?? [], next);
    }
    return;
  }
  const logits = Object.keys(runs[0]?.outputs ?? {}).filter((name) => name.endsWith('logits'));
  if (signals.kind === 'none') {
    expect(logits).toEqual([]);
    return;
  }
  expect(Object.keys(signals.outputs)).toEqual(logits);
  for (const name of logits) {
    const rows = rowsOf(runs[0] as SeenRun, name);
    const observed = signals.outputs[name]?.flat() ?? [];
    expect(observed).toHaveLength(rows.length);
    for (const [at, row] of rows.entries()) expectRow(observed[at], row, row.indexOf(Math.max(...row)));
  }
}

describe.each(cases)(
  '$task with $model',
  ({ task, model, dtype = 'fp32', use, operation, requests, patterns, maps }) => {
    it('gives bit for bit the same with Sonde attached, with signals, and while its attention is captured', async () => {
      const plain = await open(task, model, 'wasm', dtype);
      const plainRuns = watch(plain);
      const wanted = await use(plain);
      await plain.dispose();

      const inspector = attach({ env });
      const heard: ObservedRequest[] = [];
      inspector.subscribe((request) => heard.push(request));
      try {
        const pipe = await open(task, model, 'wasm', dtype);
        expect(inspector.models.map((each) => each.plain)).toEqual(inspector.models.map(() => undefined));
        const runs = watch(pipe);
        expect(await inspector.request({ requestId: 'first' }, () => use(pipe))).toEqual(wanted);
        expect(runs).toEqual(plainRuns);

        await expect.poll(() => heard.length).toBe(requests);
        const share = plainRuns.length / requests;
        for (const [at, request] of heard.entries()) {
          expect(request.record).toMatchObject({
            operation,
            requestId: 'first',
            outcome: 'ok',
            device: 'wasm',
            dtype,
          });
          expectSignals(request, plainRuns.slice(at * share, (at + 1) * share));
        }

        runs.length = 0;
        const { result, captures } = await inspector.capture(patterns ?? ['blocks.*.attn.hook_pattern'], () =>
          use(pipe),
        );
        expect(result).toEqual(wanted);
        expect(runs).toEqual(plainRuns);
        expect(captures.map(({ deviation }) => deviation)).toEqual(captures.map(() => 0));
        await expect.poll(() => heard.length).toBe(2 * requests);
        const counts = heard.slice(requests).map(({ record }) => record.hooksCaptured);
        expect(counts).toEqual(Array.from({ length: requests }, () => maps));
        const hooks = captures.flatMap((capture) => capture.hooks.map(({ name }) => ({ capture, name })));
        expect(hooks).toHaveLength(maps * requests);
        for (const { capture, name } of hooks) {
          const { dims, data } = await capture.get(name);
          const keys = dims.at(-1) ?? 1;
          for (let row = 0; row < data.length / keys; row++) {
            const sum = data.subarray(row * keys, (row + 1) * keys).reduce((a, b) => a + b, 0);
            expect(sum).toBeCloseTo(1, 4);
          }
        }
        for (const capture of captures) capture.dispose();
        await pipe.dispose();
        expect(inspector.models).toEqual([]);
      } finally {
        inspector.detach();
      }
    });
  },
);
