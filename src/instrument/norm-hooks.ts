import type { Append } from './append.ts';
import type { Norm } from './norm.ts';

/** Mean over the last axis, kept as an axis of one. */
export function meanLast(append: Append, tensor: string): string {
  return append.opset >= 18
    ? append.node('ReduceMean', [tensor, append.ints(-1)], { keepdims: 1 })
    : append.node('ReduceMean', [tensor], { axes: [-1], keepdims: 1 });
}

/** Only LayerNorm subtracts the mean. */
const centred = (append: Append, norm: Norm, input: string): string =>
  norm.kind === 'rms' ? input : append.node('Sub', [input, meanLast(append, input)]);

/** sqrt(mean((x - mean)^2) + epsilon), [batch, position, 1]. */
export function normScale(append: Append, norm: Norm, input: string): string {
  const x = centred(append, norm, input);
  const variance = meanLast(append, append.node('Mul', [x, x]));
  return append.node('Sqrt', [append.node('Add', [variance, append.float(norm.epsilon)])]);
}

/** (x - mean) / scale, before gain and bias. */
export function normalized(append: Append, norm: Norm, input: string): string {
  return append.node('Div', [centred(append, norm, input), normScale(append, norm, input)]);
}
