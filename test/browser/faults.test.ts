import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSonde, type LoadProgress, type Model, type Sonde, type Step } from '../../src/index.ts';
import { creditWindow } from '../../src/protocol/inspector.ts';

const folder = '/models/shakespeare-gpt';
const paths = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'onnx/model.onnx',
];

const bytesOf = async (path: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await (await fetch(`${folder}/${path}`)).arrayBuffer());

/** The model's files as a person would pick them, with some replaced. */
async function picked(replaced: Readonly<Record<string, BlobPart>>): Promise<File[]> {
  return Promise.all(
    paths.map(async (path) => {
      const file = new File([replaced[path] ?? (await bytesOf(path))], path.split('/').at(-1) ?? path);
      Object.defineProperty(file, 'webkitRelativePath', { value: `picked/${path}` });
      return file;
    }),
  );
}

const workers: Worker[] = [];
const spawn = (): Worker => {
  const worker = new Worker(new URL('../../workers/inspector.ts', import.meta.url), { type: 'module' });
  workers.push(worker);
  return worker;
};

let sonde: Sonde;
let model: Model;
beforeAll(async () => {
  sonde = createSonde({ device: 'wasm', worker: spawn });
  model = await sonde.load(folder);
});
afterAll(() => sonde.dispose());

describe('a model that cannot be loaded', () => {
  it('is model_not_found when nothing lies at the address', async () => {
    await expect(sonde.load('/models/no-such-model')).rejects.toMatchObject({ code: 'model_not_found' });
  });

  it('is model_invalid when the ONNX file is cut off', async () => {
    const whole = await bytesOf('onnx/model.onnx');
    const files = await picked({ 'onnx/model.onnx': whole.slice(0, whole.length / 2) });
    await expect(sonde.load(files)).rejects.toMatchObject({ code: 'model_invalid' });
  });

  it('is model_invalid when the file is no ONNX at all', async () => {
    await expect(
      sonde.load(await picked({ 'onnx/model.onnx': 'GIF89a, not a model' })),
    ).rejects.toMatchObject({
      code: 'model_invalid',
    });
  });

  it('is aborted when the person stops it', async () => {
    const signal = AbortSignal.abort();
    await expect(sonde.load(folder, { signal })).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('a model that is loaded', () => {
  it('tells bytes of bytes and every stage, and comes from the cache the next time', async () => {
    const progress: LoadProgress[] = [];
    const again = await sonde.load(folder, { onProgress: (step) => progress.push(step) });
    expect([...new Set(progress.map(({ stage }) => stage))]).toEqual([
      'fetch',
      'instrument',
      'session',
      'probe',
      'compare',
    ]);
    const last = progress.at(-1);
    const size = again.files.reduce((sum, file) => sum + file.bytes, 0);
    expect(last).toMatchObject({ loaded: size, total: size, cached: true });
    expect(again.identity.modelDigest).toBe(model.identity.modelDigest);
    await again.dispose();
  });
});

describe('a text the model cannot take', () => {
  it('is empty_input when there is nothing in it', async () => {
    await expect(model.capture('  \n', ['blocks.0.attn.hook_pattern'])).rejects.toMatchObject({
      code: 'empty_input',
    });
  });

  it('over the context is cut, and the answer says so', async () => {
    const context = model.context ?? Number.NaN;
    const capture = await model.capture('To be, or not to be. '.repeat(200), ['blocks.0.hook_resid_post']);
    expect(capture.provenance).toMatchObject({ truncated: true, inputTokens: context });
    const { dims } = await capture.get('blocks.0.hook_resid_post');
    expect(dims).toEqual([1, context, model.dModel]);
    await capture.dispose();
  });

  it('tokenized by another tokenizer is tokenizer_mismatch', async () => {
    const tokenizer = JSON.parse(new TextDecoder().decode(await bytesOf('tokenizer.json'))) as {
      model: { vocab: Record<string, number> };
    };
    const { vocab } = tokenizer.model;
    for (const token of Object.keys(vocab)) vocab[token] = (vocab[token] ?? 0) + 100_000;
    const other = await sonde.load(await picked({ 'tokenizer.json': JSON.stringify(tokenizer) }));
    await expect(other.capture('To be', ['hook_embed'])).rejects.toMatchObject({
      code: 'tokenizer_mismatch',
    });
    await other.dispose();
  });
});

describe('a hook that is not there', () => {
  it('is hook_unknown and names the nearest ones', async () => {
    const asked = model.capture('To be', ['blocks.0.attn.hook_patern']);
    await expect(asked).rejects.toMatchObject({
      code: 'hook_unknown',
      remedy: expect.stringContaining('blocks.0.attn.hook_pattern'),
    });
  });

  it('is wrong_task when a generator is asked to classify', async () => {
    await expect(model.classify('To be')).rejects.toMatchObject({ code: 'wrong_task' });
  });
});

const collect = async (steps: AsyncIterable<Step>): Promise<number[]> => {
  const ids: number[] = [];
  for await (const { token } of steps) ids.push(token.id);
  return ids;
};

describe('a generation', () => {
  it('ends when the loop is left, and the next one runs', async () => {
    const generation = model.generate('To be, or', { maxNewTokens: 50 });
    for await (const step of generation) if (step.index === 2) break;
    const { reason, provenance } = await generation.end;
    expect(reason).toBe('aborted');
    // Three were taken, and of the rest no more was computed than may be ahead.
    expect(provenance.outputTokens).toBeLessThanOrEqual(3 + creditWindow);
    expect(await collect(model.generate('To be, or', { maxNewTokens: 5 }))).toHaveLength(5);
  });

  it('runs to its end when nobody takes the steps but somebody waits', async () => {
    const { provenance, reason } = await model.generate('To be, or', { maxNewTokens: 6 }).end;
    expect({ reason, output: provenance.outputTokens }).toEqual({ reason: 'length', output: 6 });
  });

  it('rejects with aborted when its signal fires', async () => {
    const controller = new AbortController();
    const run = async (): Promise<void> => {
      for await (const step of model.generate('To be, or', {
        maxNewTokens: 100,
        signal: controller.signal,
      })) {
        if (step.index === 1) controller.abort();
      }
    };
    await expect(run()).rejects.toMatchObject({ code: 'aborted' });
  });

  it('does not mix with a second one that runs beside it', async () => {
    const alone = await collect(model.generate('ROMEO:', { maxNewTokens: 8 }));
    const [one, two] = await Promise.all([
      collect(model.generate('ROMEO:', { maxNewTokens: 8 })),
      collect(model.generate('JULIET:', { maxNewTokens: 8 })),
    ]);
    expect(one).toEqual(alone);
    expect(two).toHaveLength(8);
  });

  it('captures every hook over the whole sequence, row for row what one forward gives', async () => {
    const names = model.hooks.filter(({ source }) => source.kind !== 'unavailable').map(({ name }) => name);
    const generation = model.generate('To be, or', { maxNewTokens: 4, capture: names });
    const capture = await generation.capture;
    const whole = await model.capture(capture.tokens.map(({ text }) => text).join(''), names);
    expect(whole.tokens).toEqual(capture.tokens);
    for (const name of names) {
      const stitched = await capture.get(name);
      const { dims, data } = await whole.get(name);
      expect([name, ...stitched.dims]).toEqual([name, ...dims]);
      let largest = 0;
      data.forEach((value, index) => {
        // Masked scores are huge on both sides, but not equally huge.
        if (value > -1e30)
          largest = Math.max(largest, Math.abs(value - (stitched.data[index] ?? Number.NaN)));
      });
      expect([name, largest < 1e-4]).toEqual([name, true]);
    }
  });
});

describe('a worker that ends', () => {
  it('is worker_failed for what is running, and the next request runs in a new one', async () => {
    const running = model.generate('To be, or', { maxNewTokens: 200 });
    const broken = (async () => {
      for await (const step of running) if (step.index === 1) workers.at(-1)?.terminate();
    })();
    await expect(broken).rejects.toMatchObject({ code: 'worker_failed' });
    const before = workers.length;
    expect((await model.generate('To be, or', { maxNewTokens: 3 }).end).provenance.outputTokens).toBe(3);
    expect(workers.length).toBe(before + 1);
  });

  it('whose script is missing is worker_failed, not silence', async () => {
    const absent = createSonde({ worker: () => new Worker('/no-such-worker.js', { type: 'module' }) });
    await expect(absent.load(folder)).rejects.toMatchObject({ code: 'worker_failed' });
    await absent.dispose();
  });

  it('of another version is version_mismatch', async () => {
    // A cached old worker: it answers the greeting, but with its own version.
    const old =
      'onmessage = ({ data }) => { if (data.type === "APPLY") postMessage({ id: data.id, type: "RAW", value: { ok: true, value: { version: "0.0.1" } } }); };';
    const url = URL.createObjectURL(new Blob([old], { type: 'text/javascript' }));
    const cached = createSonde({ worker: () => new Worker(url) });
    await expect(cached.load(folder)).rejects.toMatchObject({ code: 'version_mismatch' });
    await cached.dispose();
  });
});

describe('disposing', () => {
  it('of a model ends what runs on it by name, and frees the model only then', async () => {
    const own = await sonde.load(folder);
    const capture = await own.capture('To be', ['hook_embed']);
    const running = async (): Promise<void> => {
      for await (const { index } of own.generate('To be, or', { maxNewTokens: 200 }))
        if (index === 1) void own.dispose();
    };
    await expect(running()).rejects.toMatchObject({ code: 'disposed' });
    await capture.dispose();
    expect(await collect(model.generate('To be, or', { maxNewTokens: 3 }))).toHaveLength(3);
  });

  it('of everything ends what runs by name', async () => {
    const own = createSonde({ device: 'wasm' });
    const loaded = await own.load(folder);
    const running = async (): Promise<void> => {
      for await (const { index } of loaded.generate('To be, or', { maxNewTokens: 200 }))
        if (index === 1) void own.dispose();
    };
    await expect(running()).rejects.toMatchObject({ code: 'disposed' });
  });

  it('twice is harmless, and use afterwards is a named error', async () => {
    const own = createSonde({ device: 'wasm' });
    const loaded = await own.load(folder);
    await loaded.dispose();
    await loaded.dispose();
    await expect(loaded.capture('To be', ['hook_embed'])).rejects.toMatchObject({ code: 'disposed' });
    await own.dispose();
    await own.dispose();
    await expect(own.load(folder)).rejects.toMatchObject({ code: 'disposed' });
  });
});
