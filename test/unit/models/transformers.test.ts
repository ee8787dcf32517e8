import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { env, pipeline } from '@huggingface/transformers';
import { beforeAll, describe, expect, it } from 'vitest';

interface Card {
  readonly parameters: number;
  readonly files: Readonly<Record<string, string>>;
}

const read = (path: string): Buffer => readFileSync(`public/models/${path}`);
const json = <T>(path: string): T => JSON.parse(read(path).toString()) as T;

beforeAll(() => {
  env.allowRemoteModels = false;
  env.localModelPath = 'public/models/';
});

describe('the embedded models, loaded by name in transformers.js', () => {
  it('shakespeare-gpt generates greedily the tokens PyTorch generated', async () => {
    const golden = json<{ inputs: { single: { text: string[] } }; generate: { tokens: number[] } }>(
      'shakespeare-gpt/golden.json',
    );
    const generator = await pipeline('text-generation', 'shakespeare-gpt', { dtype: 'fp32' });
    const prompt = golden.inputs.single.text[0] ?? '';
    const [answer] = (await generator(prompt, {
      max_new_tokens: golden.generate.tokens.length,
      do_sample: false,
      return_full_text: false,
    })) as { generated_text: string }[];
    const expected = generator.tokenizer.decode(golden.generate.tokens, { skip_special_tokens: true });
    expect(answer?.generated_text).toBe(expected);
    await generator.dispose();
  });

  it('sentiment reaches the test accuracy its card states', async () => {
    const calibration = json<{ test: { texts?: string[]; logits: number[][]; labels: number[] } }>(
      'sentiment/calibration.json',
    );
    const classifier = await pipeline('text-classification', 'sentiment', { dtype: 'fp32' });
    const [good] = (await classifier('a gorgeous , witty , moving film .')) as { label: string }[];
    const [bad] = (await classifier('a dull , tedious , lifeless mess .')) as { label: string }[];
    expect([good?.label, bad?.label]).toEqual(['POSITIVE', 'NEGATIVE']);
    const right = calibration.test.logits.filter(
      ([no = 0, yes = 0], row) => Number(yes > no) === calibration.test.labels[row],
    );
    const card = json<{ metrics: { fp32: { accuracy: { test: number } } } }>('sentiment/card.json');
    expect(right.length / calibration.test.labels.length).toBeCloseTo(card.metrics.fp32.accuracy.test, 4);
    await classifier.dispose();
  });
});

describe.each(['shakespeare-gpt', 'sentiment'])('the card of %s', (name) => {
  it('states the SHA-256 of every file as it lies there', () => {
    const { files } = json<Card>(`${name}/card.json`);
    expect(Object.keys(files)).toContain('onnx/model.onnx');
    for (const [path, digest] of Object.entries(files)) {
      expect([
        path,
        createHash('sha256')
          .update(read(`${name}/${path}`))
          .digest('hex'),
      ]).toEqual([path, digest]);
    }
  });

  it('stays under 3 M parameters', () => {
    expect(json<Card>(`${name}/card.json`).parameters).toBeLessThanOrEqual(3_000_000);
  });
});
