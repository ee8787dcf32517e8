import { derived, type Found, placed } from './found.ts';
import { arrange, type Placed } from './layout.ts';
import type { View } from './view.ts';

/** The lowest float32: what stands for "masked" in scores, so that no arithmetic on them gives NaN. */
export const lowest = -3.4028234663852886e38;

/** No score of a half-precision model comes near its lowest number, -65504; a masked one is there or at -infinity. */
const maskedHalf = -60_000;

/** Scores of a half-precision graph with masked ones where float32 has them. */
export function scoresAsShown({ shapes }: View, scores: Placed | undefined): Found | undefined {
  if (scores === undefined || shapes.type(scores.tensor) !== 'float16') return placed(scores);
  return derived([scores.tensor], 'the half-precision mask value written as the lowest float32', (append) => {
    const wide = { ...scores, tensor: append.wide(scores.tensor) };
    const values = arrange(append, wide, ['batch', 'head', 'position', 'key']);
    const isMasked = append.node('Less', [values, append.float(maskedHalf)], {}, { type: 'bool' });
    return append.node('Where', [isMasked, append.float(lowest), values], {}, { type: 'float' });
  });
}
