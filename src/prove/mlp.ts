import type { Outcome } from '../shared/proof.ts';
import { type Check, largest, sameShape, shapesDiffer, skipped, verdict } from './identity.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Abramowitz and Stegun 7.1.26: |error| <= 1.5e-7. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const polynomial =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - polynomial * Math.exp(-x * x));
}

/** What stands between the two projections of an MLP in published models. */
const activations: Readonly<Record<string, (x: number) => number>> = {
  relu: (x) => Math.max(0, x),
  'relu²': (x) => Math.max(0, x) ** 2,
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  'gelu (tanh)': (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  'gelu (quick)': (x) => x * sigmoid(1.702 * x),
  silu: (x) => x * sigmoid(x),
  tanh: Math.tanh,
  sigmoid,
  identity: (x) => x,
};

/** [post, pre] or [post, pre, linear]: a known activation of `pre`, times the linear half where the MLP is gated. */
export const isActivated: Check = (tensors, { rounding }) => {
  const [post, pre, linear] = tensors;
  if (post === undefined || pre === undefined) return skipped('there is nothing to compare');
  if (!sameShape(...tensors)) return shapesDiffer(...tensors);
  const limit = rounding * Math.max(largest(post), largest(pre));
  let best: { name: string; difference: number } | undefined;
  for (const [name, activation] of Object.entries(activations)) {
    let difference = 0;
    for (const [at, value] of post.data.entries()) {
      const other = linear === undefined ? 1 : (linear.data[at] ?? Number.NaN);
      const far = Math.abs(value - activation(pre.data[at] ?? Number.NaN) * other);
      difference = Math.max(difference, far);
      if (difference > limit && best !== undefined && difference > best.difference) break;
    }
    if (best === undefined || difference < best.difference) best = { name, difference };
  }
  if (best === undefined || !(best.difference <= limit))
    return isFunction(post.data, pre.data, linear === undefined, limit);
  return verdict(best.difference, limit, best.name);
};

/** No activation is steeper than this. */
const steepest = 10;

/** No known activation fits. Without a gate, two nearly equal inputs with unequal outputs show that none could. */
function isFunction(post: Float32Array, pre: Float32Array, isPlain: boolean, limit: number): Outcome {
  const unknown = skipped('no activation that Sonde knows fits');
  if (!isPlain) return unknown;
  const order = Array.from(pre.keys()).sort((a, b) => (pre[a] ?? 0) - (pre[b] ?? 0));
  for (const [at, index] of order.entries()) {
    const next = order[at + 1];
    if (next === undefined) break;
    const step = (pre[next] ?? Number.NaN) - (pre[index] ?? Number.NaN);
    const jump = Math.abs((post[next] ?? Number.NaN) - (post[index] ?? Number.NaN));
    if (!(jump <= steepest * (step + limit)))
      return {
        kind: 'fails',
        difference: jump,
        tolerance: steepest * (step + limit),
        why: 'no function of one number gives this',
      };
  }
  return unknown;
}
