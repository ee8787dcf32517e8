import { expect, it } from 'vitest';
import { crossFit } from '../../../src/observe/calibration/cross-fit.ts';
import { mulberry32 } from '../../../src/shared/random.ts';

const random = mulberry32(3);
/** A model that is three times too sure: labels are drawn at a third of its logits. */
const logits = Array.from({ length: 600 }, () => [6 * (random() - 0.5) * 3, 0]);
const labels: number[] = logits.map(([first = 0]) => (random() < 1 / (1 + Math.exp(-first / 3)) ? 0 : 1));

const gap = (key: 'confidence' | 'calibrated'): number => {
  const checked = crossFit(logits, labels, 0.9, 1);
  const right = checked.filter(({ correct }) => correct).length / checked.length;
  return checked.reduce((sum, each) => sum + each[key], 0) / checked.length - right;
};

it('finds that a model is too sure, and that its calibration is not, on rows the fit never saw', () => {
  expect(gap('confidence')).toBeGreaterThan(0.1);
  expect(Math.abs(gap('calibrated'))).toBeLessThan(0.03);
  const covered = crossFit(logits, labels, 0.9, 1).filter((each) => each.covered).length / 600;
  expect(Math.abs(covered - 0.9)).toBeLessThan(0.03);
});

it('judges a row by no fit that saw its label', () => {
  const before = crossFit(logits, labels, 0.9, 1);
  for (const at of [0, 7, 333]) {
    const other = labels.with(at, 1 - (labels[at] ?? 0));
    const after = crossFit(logits, other, 0.9, 1);
    expect(after[at]?.calibrated).toBe(before[at]?.calibrated);
    expect(after[at]?.setSize).toBe(before[at]?.setSize);
    expect(after[at]?.correct).toBe(!before[at]?.correct);
  }
});

it('says nothing of too few rows', () => {
  expect(crossFit(logits.slice(0, 10), labels.slice(0, 10), 0.9, 1)).toEqual([]);
});
