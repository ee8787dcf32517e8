import { type Nats, nats } from '../../shared/units.ts';
import { logSumExp } from '../softmax.ts';

/**
 * Mean of -ln softmax(z / T)[label].
 * @param logits [n][classes]
 * @param labels [n] indices of the right class
 * @returns nats, >= 0; NaN for n = 0
 */
export function negativeLogLikelihood(
  logits: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  temperature = 1,
): Nats {
  let sum = 0;
  logits.forEach((row, i) => {
    sum += logSumExp(row, temperature) - (row[labels[i] as number] as number) / temperature;
  });
  return nats(sum / logits.length);
}
