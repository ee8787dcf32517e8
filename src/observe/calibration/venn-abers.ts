import type { Judged } from '../../shared/calibration.ts';
import { type Probability, probability } from '../../shared/units.ts';
import { applyIsotonic, fitIsotonic } from './isotonic.ts';

export interface VennAbers {
  /** Between the bounds: the chance whose worst regret in logarithmic loss is least. */
  readonly confidence: Probability;
  /** The chance if this prediction were to turn out wrong, and right. */
  readonly lower: Probability;
  readonly upper: Probability;
}

/**
 * Inductive Venn-Abers prediction (Vovk, Petej & Fedorova 2015): isotonic regression with the prediction itself
 * among the data, once as wrong and once as right. One of the two is perfectly calibrated, whatever the data and
 * however few; the fewer they are, the farther apart the two. Isotonic regression alone ends at 0 and 1.
 */
export function vennAbers({ confidences, correct }: Judged, confidence: number): VennAbers {
  const among = [...confidences, confidence];
  const chanceIf = (right: boolean): number =>
    applyIsotonic(fitIsotonic(among, [...correct, right]), confidence);
  const [lower, upper] = [chanceIf(false), chanceIf(true)];
  return {
    confidence: probability(upper / (1 - lower + upper)),
    lower: probability(lower),
    upper: probability(upper),
  };
}
