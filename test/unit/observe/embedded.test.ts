import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  firstTokenMass,
  inductionScore,
  previousTokenScore,
} from '../../../src/observe/attention/head-scores.ts';
import { headPattern } from '../../../src/observe/attention/pattern.ts';
import { expectedCalibrationError } from '../../../src/observe/calibration/calibration-error.ts';
import { negativeLogLikelihood } from '../../../src/observe/calibration/negative-log-likelihood.ts';
import { equalWidthBins } from '../../../src/observe/calibration/reliability.ts';
import { fitTemperature } from '../../../src/observe/calibration/temperature.ts';
import { observeClasses } from '../../../src/observe/classes.ts';
import { idTensor } from '../../../src/run/feeds.ts';
import { forward } from '../../../src/run/model.ts';
import { openNodeModel } from '../../../src/run/open.node.ts';

const models = new URL('../../../public/models/', import.meta.url);

interface Split {
  readonly logits: readonly (readonly [number, number])[];
  readonly labels: readonly number[];
}

interface Calibration {
  readonly ece: { readonly before: number; readonly after: number };
  readonly nll: { readonly before: number; readonly after: number };
  readonly temperature: number;
  readonly accuracy: { readonly test: number };
  readonly validation: Split;
  readonly test: Split;
}

describe('calibration of the sentiment model, from its committed logits', () => {
  const card: Calibration = JSON.parse(readFileSync(new URL('sentiment/calibration.json', models), 'utf8'));
  const { logits, labels } = card.test;
  const judged = (temperature: number) => {
    const signals = logits.map((row) => observeClasses(Float32Array.from(row), temperature));
    const correct = signals.map(({ best }, i) => best === labels[i]);
    const bins = equalWidthBins(
      signals.map(({ confidence }) => confidence),
      correct,
    );
    return { ece: expectedCalibrationError(bins), accuracy: correct.filter(Boolean).length / correct.length };
  };

  // PyTorch computed the card in float32.
  it('gives the numbers that PyTorch and SciPy gave', () => {
    const temperature = fitTemperature(card.validation.logits, card.validation.labels);
    expect(temperature).toBeCloseTo(card.temperature, 6);
    expect(judged(1).accuracy).toBeCloseTo(card.accuracy.test, 12);
    expect(judged(1).ece).toBeCloseTo(card.ece.before, 6);
    expect(judged(temperature).ece).toBeCloseTo(card.ece.after, 6);
    expect(negativeLogLikelihood(logits, labels)).toBeCloseTo(card.nll.before, 6);
    expect(negativeLogLikelihood(logits, labels, temperature)).toBeCloseTo(card.nll.after, 6);
  });

  it('is below 0.05 after temperature scaling', () => {
    expect(judged(card.temperature).ece).toBeLessThan(0.05);
  });
});

it('shakespeare-gpt has the induction and previous-token heads that its card names', async () => {
  const folder = fileURLToPath(new URL('shakespeare-gpt', models));
  const { metrics } = JSON.parse(readFileSync(`${folder}/card.json`, 'utf8'));
  const { model, folder: files, dispose } = await openNodeModel(folder);
  // 16 rows of 50 random tokens given twice; a linear congruential generator, so that a failure repeats.
  let state = 1;
  const random = () => {
    state = (state * 48271) % 0x7fffffff;
    return 4 + (state % ((files.config.vocabulary ?? 0) - 4));
  };
  const rows = Array.from({ length: 16 }, () => {
    const half = Array.from({ length: 50 }, random);
    return [...half, ...half];
  });
  const hooks = model.instrumented.resolve(['blocks.*.attn.hook_pattern']);
  const { capture } = await forward(model, { input_ids: idTensor(rows) }, hooks);
  const scores: { head: string; induction: number; previous: number; first: number }[] = [];
  for (const [layer, hook] of hooks.entries()) {
    const tensor = await capture.read(hook);
    for (let head = 0; head < (tensor.dims[1] ?? 0); head++) {
      const mean = (score: typeof inductionScore) =>
        rows.reduce((sum, _, batch) => sum + score(headPattern(tensor, head, batch)), 0) / rows.length;
      scores.push({
        head: `${layer}.${head}`,
        induction: mean(inductionScore),
        previous: mean(previousTokenScore),
        first: mean(firstTokenMass),
      });
    }
  }
  await dispose();
  const [induction] = [...scores].sort((a, b) => b.induction - a.induction);
  const [previous] = [...scores].sort((a, b) => b.previous - a.previous);
  expect(induction?.head).toBe(metrics.heads.induction.head);
  expect(induction?.induction).toBeGreaterThanOrEqual(0.7);
  // Other random sequences than the card's, so the means agree only roughly.
  expect(induction?.induction).toBeCloseTo(metrics.heads.induction.score, 1);
  expect(previous?.head).toBe(metrics.heads.previous_token.head);
  expect(previous?.previous).toBeGreaterThan(0.9);
  expect(scores.every(({ first }) => first >= 0 && first <= 1)).toBe(true);
});
