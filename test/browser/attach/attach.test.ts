import * as ort from 'onnxruntime-web/webgpu';
import { afterEach, describe, expect, it } from 'vitest';
import { writeValue } from '../../../src/instrument/append.ts';
import { Writer } from '../../../src/instrument/wire.ts';
import { makeBaseline } from '../../../src/observe/drift/baseline.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import {
  type AttachedCapture,
  type AttachOptions,
  attach,
  type DriftEvent,
  type ObservedRequest,
  type TransformersInspector,
} from '../../../src/transformers.ts';
import { env, expectedRow, open, type Pipe, type SeenRun, watch } from './scene.ts';

const greedy = { max_new_tokens: 4, do_sample: false };
const { create } = ort.InferenceSession;
let inspector: TransformersInspector | undefined;

function attached(options: AttachOptions = {}): {
  inspector: TransformersInspector;
  heard: ObservedRequest[];
} {
  inspector = attach({ env, ...options });
  const heard: ObservedRequest[] = [];
  inspector.subscribe((request) => heard.push(request));
  return { inspector, heard };
}
afterEach(() => inspector?.detach());

const width = 1024;

/** y = x + 1, with 4 KiB of ones as its weights: a graph without any transformer in it. */
function increment(): Uint8Array<ArrayBuffer> {
  const ones = new Uint8Array(new Float32Array(width).fill(1).buffer);
  const weight = new Writer().integer(1, width).integer(2, 1).text(8, 'ones').block(9, ones);
  const node = new Writer().text(1, 'x').text(1, 'ones').text(2, 'y').text(3, 'increment').text(4, 'Add');
  const graph = new Writer().message(1, node).text(2, 'increment').message(5, weight);
  graph.message(11, writeValue('x', 'float', [width])).message(12, writeValue('y', 'float', [width]));
  return new Writer().integer(1, 10).message(7, graph).message(8, new Writer().integer(2, 20)).finish();
}

/** How many GPU buffers that were made from now on are not destroyed. */
function watchBuffers(): () => number {
  const living = new Set<GPUBuffer>();
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    living.add(buffer);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    living.delete(this);
    return destroy.call(this);
  };
  return () => living.size;
}

describe('on WebGPU', () => {
  it('gives bit for bit the same, and frees what it captured', async () => {
    // SwiftShader compiles for seconds and runs for a good part of one.
    const short = { ...greedy, max_new_tokens: 2 };
    const plain = await open('text-generation', 'zoo/gpt2', 'webgpu');
    const plainRuns = watch(plain);
    const wanted = await plain('the king and the', short);
    await plain.dispose();
    const { inspector, heard } = attached();
    const pipe = await open('text-generation', 'zoo/gpt2', 'webgpu');
    expect(inspector.models).toMatchObject([{ device: 'webgpu', dtype: 'fp32', plain: undefined }]);
    const runs = watch(pipe);
    expect(await inspector.request({}, () => pipe('the king and the', short))).toEqual(wanted);
    expect(runs).toEqual(plainRuns);
    await expect.poll(() => heard.length).toBe(1);
    expect(heard[0]?.record).toMatchObject({ device: 'webgpu', adapterVendor: 'google', outputTokens: 2 });

    const living = watchBuffers();
    const sizes: number[] = [];
    for (let round = 0; round < 2; round++) {
      runs.length = 0;
      const { result, captures } = await inspector.capture(['blocks.*.attn.hook_pattern', 'logits'], () =>
        pipe('the king and the', short),
      );
      expect(result).toEqual(wanted);
      expect(runs).toEqual(plainRuns);
      const [capture] = captures as readonly [AttachedCapture];
      expect(capture.deviation).toBe(0);
      expect(capture.hooks[0]?.location).toBe('gpu');
      const { dims, data } = await capture.get('blocks.0.attn.hook_pattern');
      let sum = 0;
      for (const value of data.slice(0, dims.at(-1))) sum += value;
      expect(sum).toBeCloseTo(1, 4);
      capture.dispose();
      sizes.push(living());
    }
    expect(sizes[1]).toBe(sizes[0]);

    await pipe.dispose();
  });
});

describe('a capture', () => {
  it('tells by how much its taps moved the outputs', async () => {
    const plain = await open('text-classification', 'zoo/bert-classifier');
    const [plainRun] = [watch(plain), await plain('a sad film')][0] as SeenRun[];
    await plain.dispose();
    const { inspector } = attached();
    const pipe = await open('text-classification', 'zoo/bert-classifier');
    const runs = watch(pipe);
    const { captures } = await inspector.capture(['blocks.*.hook_*', 'blocks.*.*.hook_*'], () =>
      pipe('a sad film'),
    );
    const [a = [], b = []] = [runs[0], plainRun].map((run) => run?.outputs.logits?.data);
    expect(captures[0]?.deviation).toBe(Math.max(...a.map((logit, at) => Math.abs(logit - (b[at] ?? 0)))));
    expect(captures[0]?.deviation).toBeLessThanOrEqual(5e-4);
    await pipe.dispose();
  });

  it('of what enters the cache leaves the cache to the application', async () => {
    const { inspector } = attached();
    // Its rotated keys are its present.0.key.
    const pipe = await open('text-generation', 'zoo/llama-gqa-genai');
    const wanted = await pipe('the king', greedy);
    const { result, captures } = await inspector.capture(['blocks.0.attn.hook_rot_k', 'logits'], () =>
      pipe('the king', greedy),
    );
    expect(result).toEqual(wanted);
    const logits = await captures[0]?.get('logits');
    expect(logits?.dims).toEqual([1, (captures[0]?.hooks[0]?.dims.at(1) ?? 0) as number, 1024]);
    expect((await captures[0]?.get('blocks.0.attn.hook_rot_k'))?.data.some((value) => value !== 0)).toBe(
      true,
    );
    await pipe.dispose();
  });

  it('names what is not there before anything runs', async () => {
    const { inspector } = attached();
    const pipe = await open('text-classification', 'zoo/bert-classifier');
    let ran = false;
    const capture = inspector.capture(['blocks.9.attn.hook_pattern'], async () => {
      ran = true;
      return pipe('a sad film');
    });
    await expect(capture).rejects.toMatchObject({ code: 'hook_unknown' });
    expect(ran).toBe(false);
    await expect(inspector.capture(['blocks.*.hook_resid_post'], () => 1)).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    const nested = inspector.request({}, () => inspector.capture(['*'], () => pipe('a')));
    await expect(nested).rejects.toMatchObject({ code: 'invalid_argument' });
    await pipe.dispose();
  });
});

describe('requests', () => {
  it('that generate at the same time on one session stay apart', async () => {
    const { heard } = attached();
    const pipe = await open('text-generation', 'zoo/gpt2');
    const runs = watch(pipe);
    await Promise.all([
      pipe('the king', greedy),
      pipe('a very long night and', { ...greedy, max_new_tokens: 6 }),
    ]);
    await expect.poll(() => heard.length, { timeout: 5000 }).toBe(2);
    const steps = heard.map(({ signals }) =>
      signals.kind === 'tokens' ? (signals.rows[0]?.length ?? 0) : 0,
    );
    expect(steps.sort()).toEqual([4, 6]);
    const rows = heard.flatMap(({ signals }) => (signals.kind === 'tokens' ? signals.rows.flat() : []));
    const wanted = runs.map(({ outputs: { logits } }) => {
      const { dims = [], data = [] } = logits ?? {};
      return expectedRow(data.slice(data.length - (dims.at(-1) ?? 0))).entropy;
    });
    const sorted = rows.map(({ entropy }) => entropy as number).sort();
    for (const [at, entropy] of wanted.sort().entries()) expect(sorted[at]).toBeCloseTo(entropy, 4);
    await pipe.dispose();
  });

  it('begun inside another are refused in the midst of its generation too', async () => {
    const { inspector } = attached();
    const pipe = await open('text-generation', 'zoo/gpt2');
    const begun: Promise<unknown>[] = [];
    const put = () => begun.push(inspector.request({}, () => 0).catch((error: unknown) => error));
    await inspector.request({}, () =>
      pipe('the king', { ...greedy, streamer: { put, end: () => undefined } }),
    );
    expect(begun.length).toBeGreaterThan(2);
    for (const each of begun) expect(await each).toMatchObject({ code: 'invalid_argument' });
    await pipe.dispose();
  });

  it('are held against a baseline, and told of when a window of them is not like it', async () => {
    const { inspector, heard } = attached();
    const pipe = await open('text-classification', 'zoo/bert-classifier');
    const short = (at: number): string => `word ${'king '.repeat(at % 3)}${at}`;
    for (let at = 0; at < 18; at++) await pipe(short(at));
    await expect.poll(() => heard.length).toBe(18);
    const records = heard.splice(0).map(({ record }) => record);
    const reference = {
      features: {
        confidence: records.map(({ confidenceMean }) => confidenceMean ?? Number.NaN),
        length: records.map(({ inputTokens }) => inputTokens),
      },
      embeddings: [],
      attributions: [],
    };
    const baseline = makeBaseline(reference, { window: 6, splits: 300, random: mulberry32(1) });
    const told: DriftEvent[] = [];
    const stop = inspector.watchDrift(JSON.parse(JSON.stringify(baseline)), (event) => told.push(event));
    for (let at = 0; at < 6; at++) await pipe(short(at));
    await expect.poll(() => told.map(({ alarms }) => alarms)).toEqual([[]]);
    for (let at = 0; at < 6; at++) await pipe('the king and the queen '.repeat(4));
    await expect.poll(() => heard.length).toBe(12);
    expect(told).toHaveLength(2);
    expect(told[1]?.alarms.map(({ statistic }) => statistic)).toContain('length.wasserstein');
    expect(told[1]).toMatchObject({ kind: 'drift', modelDigest: records[0]?.modelDigest });
    expect(heard.map(({ record }) => record.suspicious === true)).toEqual([...Array(11).fill(false), true]);
    stop();
    await pipe(short(0));
    await expect.poll(() => heard.length).toBe(13);
    expect(heard.at(-1)?.record).not.toHaveProperty('suspicious');
    expect(() => inspector.watchDrift({}, () => undefined)).toThrow('is no baseline');
    await pipe.dispose();
  });

  it('of a batch have signals for each row', async () => {
    const { inspector, heard } = attached();
    const pipe = await open('text-classification', 'zoo/bert-classifier');
    await inspector.request({ cohort: 'b' }, () => pipe(['a sad film', 'good']));
    await expect.poll(() => heard.length).toBe(1);
    const { signals, record } = heard[0] as ObservedRequest;
    expect(signals.kind === 'classes' && signals.outputs.logits).toHaveLength(2);
    // [CLS] a sad film [SEP] and [CLS] good [SEP] without the padding.
    expect(record).toMatchObject({ cohort: 'b', inputTokens: 8, outputTokens: 0 });
    await pipe.dispose();
  });

  it('are not disturbed by a listener that throws', async () => {
    const { inspector, heard } = attached();
    inspector.subscribe(() => {
      throw new RangeError('a fault of the observer');
    });
    const reported = new Promise<string>((resolve) => {
      const take = (event: ErrorEvent): void => {
        event.preventDefault();
        event.stopImmediatePropagation();
        resolve(event.message);
      };
      addEventListener('error', take, { capture: true, once: true });
    });
    const pipe = await open('text-classification', 'zoo/bert-classifier');
    const answer = await pipe('a sad film');
    expect(answer).toMatchObject([{ label: expect.any(String) }]);
    expect(await reported).toMatch('a fault of the observer');
    expect(heard).toHaveLength(1);
    await pipe.dispose();
  });
});

describe('a session that Sonde cannot take over', () => {
  it('is left as it is, and says why', async () => {
    const { inspector } = attached();
    const session = await ort.InferenceSession.create(increment(), { executionProviders: ['wasm'] });
    expect(inspector.models).toMatchObject([{ plain: 'No transformer was found in the graph.', hooks: [] }]);
    const x = new ort.Tensor('float32', new Float32Array(width).fill(2), [width]);
    const { y } = await session.run({ x });
    expect(y?.data).toEqual(new Float32Array(width).fill(3));
    const odd = { executionProviders: ['wasm'], enableProfiling: true };
    const profiled = await ort.InferenceSession.create(increment(), odd);
    expect(inspector.models[1]?.plain).toBe('Profiling was asked for.');
    await session.release();
    await profiled.release();
    expect(inspector.models).toEqual([]);
  });

  it('fails in a run as it would without Sonde, is recorded as failed, and runs again', async () => {
    const plain = await open('text-classification', 'zoo/bert-classifier');
    const wanted = await plain('a sad film');
    const one = new ort.Tensor('int64', [1n], [1, 1]);
    const wrong = {
      input_ids: new ort.Tensor('float32', [1], [1, 1]),
      attention_mask: one,
      token_type_ids: one,
    };
    const fail = (pipe: Pipe): Promise<string> =>
      pipe.model.sessions.model.run(wrong).catch((error: Error) => error.message);
    const without = await fail(plain);
    await plain.dispose();
    const { inspector, heard } = attached();
    const pipe = await open('text-classification', 'zoo/bert-classifier');
    expect(await fail(pipe)).toBe(without);
    expect(await pipe('a sad film')).toEqual(wanted);
    expect(await fail(pipe)).toBe(without);
    expect(await pipe('a sad film')).toEqual(wanted);
    expect(inspector.models).toMatchObject([{ plain: undefined }]);
    await expect
      .poll(() => heard.map(({ record }) => record.outcome), { timeout: 5000 })
      .toEqual(expect.arrayContaining(['ok', 'ok', 'error', 'error']));
    await pipe.dispose();
  });

  it('fails to be made as it would without Sonde', async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const without = await create.call(ort.InferenceSession, bytes).catch((error: Error) => error.message);
    const { inspector } = attached();
    const withSonde = await ort.InferenceSession.create(bytes).catch((error: Error) => error.message);
    expect(withSonde).toBe(without);
    expect(inspector.models).toEqual([]);
  });
});

describe('attach', () => {
  it('gives create back, and open pipelines go on', async () => {
    const { inspector, heard } = attached();
    expect(ort.InferenceSession.create).not.toBe(create);
    expect(() => attach()).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    const pipe = await open('text-classification', 'zoo/bert-classifier');
    const wanted = await pipe('a sad film');
    await expect.poll(() => heard.length).toBe(1);
    inspector.detach();
    inspector.detach();
    expect(ort.InferenceSession.create).toBe(create);
    expect(await pipe('a sad film')).toEqual(wanted);
    await pipe.dispose();
    expect(heard).toHaveLength(1);
  });
});
