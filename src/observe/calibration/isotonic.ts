import type { IsotonicFit } from '../../shared/calibration.ts';
import { SondeError } from '../../shared/errors.ts';

interface Block {
  first: number;
  last: number;
  mean: number;
  weight: number;
}

/** One block for each distinct confidence, in increasing order, holding its mean outcome. */
function distinct(confidences: ArrayLike<number>, correct: ArrayLike<boolean>): Block[] {
  const order = Array.from({ length: confidences.length }, (_, index) => index).sort(
    (a, b) => (confidences[a] as number) - (confidences[b] as number),
  );
  const blocks: Block[] = [];
  for (const index of order) {
    const x = confidences[index] as number;
    const y = correct[index] ? 1 : 0;
    const block = blocks.at(-1);
    if (block?.last === x) {
      block.mean = (block.mean * block.weight + y) / (block.weight + 1);
      block.weight += 1;
    } else blocks.push({ first: x, last: x, mean: y, weight: 1 });
  }
  return blocks;
}

/**
 * Isotonic regression by pool-adjacent-violators (Ayer et al. 1955; Zadrozny & Elkan 2002): the least-squares
 * non-decreasing fit of outcome on confidence. The same as scikit-learn's `IsotonicRegression(out_of_bounds='clip')`.
 * @param confidences [n]
 * @param correct [n]
 * @throws SondeError `invalid_argument` without predictions or when the lengths differ
 */
export function fitIsotonic(confidences: ArrayLike<number>, correct: ArrayLike<boolean>): IsotonicFit {
  if (confidences.length === 0 || confidences.length !== correct.length)
    throw new SondeError(
      'invalid_argument',
      'Isotonic regression needs one outcome for each confidence.',
      'Pass held-out confidences with their outcomes.',
    );
  const pooled: Block[] = [];
  for (const block of distinct(confidences, correct)) {
    let merged = block;
    for (
      let before = pooled.at(-1);
      before !== undefined && before.mean >= merged.mean;
      before = pooled.at(-1)
    ) {
      pooled.pop();
      const weight = before.weight + merged.weight;
      const mean = (before.mean * before.weight + merged.mean * merged.weight) / weight;
      merged = { first: before.first, last: merged.last, mean, weight };
    }
    pooled.push(merged);
  }
  const knots = pooled.flatMap(({ first, last, mean }) =>
    first === last ? [[first, mean] as const] : [[first, mean] as const, [last, mean] as const],
  );
  return { confidences: knots.map(([x]) => x), calibrated: knots.map(([, y]) => y) };
}

/** @returns the calibrated confidence, in [0, 1] */
export function applyIsotonic(fit: IsotonicFit, confidence: number): number {
  const { confidences: xs, calibrated: ys } = fit;
  const after = xs.findIndex((x) => x >= confidence);
  if (after === -1) return ys.at(-1) as number;
  if (after === 0) return ys[0] as number;
  const [x0, x1] = [xs[after - 1] as number, xs[after] as number];
  const [y0, y1] = [ys[after - 1] as number, ys[after] as number];
  return y0 + ((confidence - x0) / (x1 - x0)) * (y1 - y0);
}
