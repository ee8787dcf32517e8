import { expect, it } from 'vitest';
import { applyCalibration, calibrate, createSonde, type Model, type Sonde } from '../../src/index.ts';

interface Split {
  readonly ids: readonly string[];
  readonly logits: readonly (readonly number[])[];
  readonly labels: readonly number[];
}

const names = ['NEGATIVE', 'POSITIVE'] as const;

/** A visit of its own: another worker, the same storage. */
async function visit(): Promise<{ readonly sonde: Sonde; readonly model: Model }> {
  const worker = (): Worker =>
    new Worker(new URL('../../workers/inspector.ts', import.meta.url), { type: 'module' });
  const sonde = createSonde({ device: 'wasm', worker });
  return { sonde, model: await sonde.load('/models/sentiment') };
}

async function corpus(): Promise<(id: string) => string> {
  const lines: Record<string, readonly string[]> = {};
  for (const part of ['neg', 'pos'])
    lines[part] = (
      await (await fetch(`/training/corpus/sentence_polarity/rt-polarity.${part}?raw`)).text()
    ).split('\n');
  return (id) => {
    const [part = '', line] = id.split(':');
    return lines[part]?.[Number(line) - 1]?.trim() ?? '';
  };
}

it('what labelled texts taught holds for every classification, on later visits too, until it is deleted', async () => {
  const textOf = await corpus();
  const card: { readonly temperature: number; readonly validation: Split; readonly test: Split } = await (
    await fetch('/models/sentiment/calibration.json')
  ).json();
  const { validation, test } = card;
  const first = await visit();
  expect(await first.model.calibration()).toBeUndefined();
  const labelled = validation.ids.map((id, i) => ({
    text: textOf(id),
    label: names[validation.labels[i] ?? -1] ?? '',
  }));
  const fitted = await first.model.calibrate(labelled);
  expect(fitted).toMatchObject({ n: 1066, stored: true, conformal: { coverage: 0.9 } });
  // PyTorch's logits, SciPy's minimum.
  expect(fitted.temperature).toBeCloseTo(card.temperature, 4);
  await first.sonde.dispose();

  const second = await visit();
  const { stored: _, checked, ...kept } = fitted;
  expect(checked).toHaveLength(1066);
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / 1066;
  expect(mean(checked.map(({ covered }) => Number(covered)))).toBeCloseTo(0.9, 1);
  const right = mean(checked.map(({ correct }) => Number(correct)));
  expect(Math.abs(right - mean(checked.map(({ calibrated }) => calibrated)))).toBeLessThan(0.03);
  expect(await second.model.calibration()).toEqual(kept);
  // What PyTorch's logits give: rounding may move a knot, but nothing far.
  const byPyTorch = calibrate('PyTorch', validation.logits, validation.labels);
  for (const [i, id] of test.ids.slice(0, 60).entries()) {
    const expected = applyCalibration(byPyTorch, 'PyTorch', test.logits[i] ?? []);
    const { calibrated, classes } = await second.model.classify(textOf(id));
    expect(classes[0]?.label).toBe(names[expected.best]);
    expect(calibrated?.set).toEqual(expected.set.map((index) => names[index]));
    expect(Math.abs((calibrated?.confidence ?? 0) - expected.confidence)).toBeLessThan(0.02);
    expect(calibrated).toMatchObject({ coverage: 0.9, n: 1066 });
  }
  await second.model.forgetCalibration();
  expect(await second.model.classify('a gorgeous , witty film')).not.toHaveProperty('calibrated');
  await second.sonde.dispose();

  const third = await visit();
  expect(await third.model.calibration()).toBeUndefined();
  const refused = { code: 'invalid_argument' };
  await expect(third.model.calibrate(labelled.slice(0, 8))).rejects.toMatchObject(refused);
  await expect(third.model.calibrate([{ text: 'good', label: 'NICE' }])).rejects.toMatchObject(refused);
  await expect(third.model.calibrate([{ text: 'good', label: 2 }])).rejects.toMatchObject(refused);
  expect(await third.model.calibration()).toBeUndefined();
  await third.sonde.dispose();
});
