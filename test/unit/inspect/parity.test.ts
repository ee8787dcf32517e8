import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DriftWatch } from '../../../src/inspect/drift.ts';
import { preparationOf } from '../../../src/inspect/preparation.ts';
import { makeBaseline } from '../../../src/observe/drift/baseline.ts';
import { parseBaseline } from '../../../src/observe/drift/parse-baseline.ts';
import { type Sha256Hex, sha256 } from '../../../src/shared/digest.ts';
import { type Preparation, parityGaps } from '../../../src/shared/parity.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { bytes } from '../../../src/shared/units.ts';
import { sampleRecord } from '../schema/sample.ts';

const file = (path: string, digest: Sha256Hex) => ({ path, bytes: bytes(1), sha256: digest });
const [one, other] = [await sha256(new Uint8Array(1)), await sha256(new Uint8Array(2))];
const random = mulberry32(2);
const reference = {
  features: { confidence: Array.from({ length: 30 }, random), length: Array.from({ length: 30 }, random) },
  embeddings: [],
  attributions: [],
};

const info = {
  files: [file('tokenizer.json', one), file('onnx/model.onnx', one), file('tokenizer_config.json', one)],
  context: 128,
  labels: ['NEGATIVE', 'POSITIVE'],
};

/** A baseline made beside `info`, held against requests that are made ready as `serving` says. */
function watch(serving: Preparation): DriftWatch {
  const made = makeBaseline(reference, { window: 10, splits: 100, random });
  const kept = parseBaseline(JSON.parse(JSON.stringify({ ...made, preparation: preparationOf(info) })));
  return new DriftWatch(kept, () => undefined, serving);
}

describe('serving that makes inputs ready', () => {
  it('as training did has no gap, whatever its weights are', () => {
    const [tokenizer, , config] = info.files;
    const quantised = [tokenizer, config, file('onnx/model_quantized.onnx', other)];
    const watched = watch(preparationOf({ ...info, files: quantised.flatMap((each) => each ?? []) }));
    expect(watched.state.parity).toEqual([]);
    expect(watched.see(sampleRecord())).toBe(false);
  });

  it.each<[string, Partial<typeof info>, object]>([
    [
      'with another tokenizer',
      { files: [file('tokenizer.json', other), file('tokenizer_config.json', one)] },
      { of: 'tokenizer.json', training: one, serving: other },
    ],
    [
      'without a file of it',
      { files: [file('tokenizer.json', one)] },
      { of: 'tokenizer_config.json', training: one },
    ],
    [
      'cut to another length',
      { context: 64 },
      { of: 'longest input', training: '128 tokens', serving: '64 tokens' },
    ],
    [
      'with its classes in another order',
      { labels: ['POSITIVE', 'NEGATIVE'] },
      { of: 'labels', training: 'NEGATIVE, POSITIVE', serving: 'POSITIVE, NEGATIVE' },
    ],
  ])('%s is told of, and its records are anomalous', (_how, change, gap) => {
    const watched = watch(preparationOf({ ...info, ...change }));
    expect(watched.state.parity).toEqual([gap]);
    expect(watched.see(sampleRecord())).toBe(true);
  });

  it('by another template than the baseline was made with is told of, request by request', () => {
    const made = makeBaseline(reference, { window: 10, splits: 100, random });
    const preparation = { ...preparationOf(info), 'template version': 'greeting-2' };
    const watched = new DriftWatch(
      parseBaseline({ ...made, preparation }),
      () => undefined,
      preparationOf(info),
    );
    const { templateVersion: _, ...bare } = sampleRecord();
    expect(watched.state.parity).toEqual([]);
    for (const [told, gaps] of [
      [{ templateVersion: 'greeting-2' }, []],
      [
        { templateVersion: 'greeting-3' },
        [{ of: 'template version', training: 'greeting-2', serving: 'greeting-3' }],
      ],
      [{}, [{ of: 'template version', training: 'greeting-2' }]],
    ] as const) {
      expect(watched.see({ ...bare, ...told })).toBe(gaps.length > 0);
      expect(watched.state.parity).toEqual(gaps);
    }
    // Who attaches knows no files; the template is known all the same.
    const attached = new DriftWatch(parseBaseline({ ...made, preparation }), () => undefined);
    expect(attached.see(bare)).toBe(true);
  });

  it('is not judged by a baseline that does not say', () => {
    const made = makeBaseline(reference, { window: 10, splits: 100, random });
    expect(new DriftWatch(made, () => undefined, preparationOf(info)).state.parity).toBeUndefined();
  });
});

it('names every difference, and nothing that serving does beside it', () => {
  const words = fc.dictionary(fc.string(), fc.string());
  fc.assert(
    fc.property(words, words, (training, more) => {
      const wanted = Object.keys(training).filter(
        (of) => Object.hasOwn(more, of) && more[of] !== training[of],
      );
      expect(parityGaps(training, { ...training, ...more }).map(({ of }) => of)).toEqual(wanted);
    }),
  );
});

it('refuses a baseline that says it in anything but words', () => {
  const made = makeBaseline(reference, { window: 10, splits: 100, random });
  expect(() => parseBaseline({ ...made, preparation: { labels: 2 } })).toThrow('is no baseline');
});
