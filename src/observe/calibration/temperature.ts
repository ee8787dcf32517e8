import { SondeError } from '../../shared/errors.ts';
import { softmax } from '../softmax.ts';

/** Outside of it the labels say that the model is always right, or that its logits mean nothing. */
const coldest = 1e-2;
const hottest = 1e2;

/** d/db and d2/db2 of the mean NLL of softmax(b z), where b = 1/T: mean (E_p[z] - z_y), mean Var_p[z]. */
function derivatives(
  logits: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  inverse: number,
): { slope: number; curvature: number } {
  let slope = 0;
  let curvature = 0;
  logits.forEach((row, i) => {
    const p = softmax(row, 1 / inverse);
    let mean = 0;
    let square = 0;
    for (let c = 0; c < p.length; c++) {
      const z = row[c] as number;
      mean += (p[c] as number) * z;
      square += (p[c] as number) * z * z;
    }
    slope += mean - (row[labels[i] as number] as number);
    curvature += square - mean * mean;
  });
  return { slope: slope / logits.length, curvature: curvature / logits.length };
}

/**
 * Temperature scaling (Guo et al. 2017): argmin over T of the NLL of softmax(z / T). In 1/T the NLL is convex,
 * so its slope has one root; Newton finds it, and bisection takes over where a step would leave the bracket.
 * @param logits [n][classes], finite
 * @param labels [n]
 * @returns T in [0.01, 100]; a bound is returned when the optimum lies outside (separable or meaningless logits)
 * @throws SondeError `invalid_argument` without examples or with a label that is no class
 */
export function fitTemperature(logits: readonly ArrayLike<number>[], labels: ArrayLike<number>): number {
  const isClass = (row: ArrayLike<number>, i: number) => row[labels[i] ?? -1] !== undefined;
  if (logits.length === 0 || logits.length !== labels.length || !logits.every(isClass))
    throw new SondeError(
      'invalid_argument',
      'Temperature scaling needs one label, the index of a class, for each row of logits.',
      'Pass held-out logits with their labels.',
    );
  let low = 1 / hottest;
  let high = 1 / coldest;
  if (derivatives(logits, labels, low).slope >= 0) return hottest;
  if (derivatives(logits, labels, high).slope <= 0) return coldest;
  let inverse = 1;
  for (let iteration = 0; iteration < 200; iteration++) {
    const { slope, curvature } = derivatives(logits, labels, inverse);
    if (slope > 0) high = inverse;
    else low = inverse;
    const newton = inverse - slope / curvature;
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (Math.abs(next - inverse) <= 1e-14 * inverse) return 1 / next;
    inverse = next;
  }
  return 1 / inverse;
}
