import type { Append } from './append.ts';
import type { Recipe, Site } from './draft.ts';
import type { Drafts } from './drafts.ts';
import type { Norm } from './norm.ts';

/** Mean over the last axis, kept as an axis of one. */
export function meanLast(append: Append, tensor: string): string {
  return append.opset >= 18
    ? append.node('ReduceMean', [tensor, append.ints(-1)], { keepdims: 1 })
    : append.node('ReduceMean', [tensor], { axes: [-1], keepdims: 1 });
}

/** What the norm reads, in float32: a tensor, or the sum its operator keeps to itself. */
function read(append: Append, { input, skip }: Norm): string {
  if (input !== '' || skip === undefined) return append.wide(input);
  const [a, b] = skip.operands;
  const sum = append.node('Add', [append.wide(a), append.wide(b)]);
  return skip.bias === undefined ? sum : append.node('Add', [sum, append.wide(skip.bias)]);
}

/** Only LayerNorm subtracts the mean. */
function centred(append: Append, norm: Norm): string {
  const x = read(append, norm);
  return norm.kind === 'rms' ? x : append.node('Sub', [x, meanLast(append, x)]);
}

/** sqrt(mean((x - mean)^2) + epsilon), [batch, position, 1]. */
function scale(append: Append, norm: Norm): string {
  const x = centred(append, norm);
  const variance = meanLast(append, append.node('Mul', [x, x]));
  return append.node('Sqrt', [append.node('Add', [variance, append.float(norm.epsilon)])]);
}

/** `at` is where the norm is: `blocks.0.ln1`, `ln_final`. Neither value is a tensor of any exporter's graph. */
export function normHooks(drafts: Drafts, at: string, graphNorm: Norm): void {
  // Where the graph flattens batch and positions before the norm, the same rows stand unflattened before that.
  const norm = { ...graphNorm, input: drafts.unflattened(graphNorm.input) };
  const from = norm.input === '' && norm.skip !== undefined ? norm.skip.operands : [norm.input];
  drafts.derived(`${at}.hook_scale`, ['batch', 'position', 1], from, 'root of the mean square', (append) =>
    scale(append, norm),
  );
  const how = 'the norm before its gain and bias';
  const normalized: Recipe = (append) => append.node('Div', [centred(append, norm), scale(append, norm)]);
  const dims = ['batch', 'position', 'd_model'];
  const site = siteOf(drafts, graphNorm, normalized);
  drafts.derived(`${at}.hook_normalized`, dims, from, how, normalized, { site });
}

/** A change to the normalised rows goes through gain and bias, wherever those are. */
function siteOf(drafts: Drafts, { core, output, gain, bias }: Norm, value: Recipe): Site | undefined {
  if (core !== undefined) return drafts.rowSite(core);
  return drafts.rowSite(output, {
    value,
    finish: (append, changed) => {
      const scaled = gain === undefined ? changed : append.node('Mul', [changed, append.wide(gain)]);
      return bias === undefined ? scaled : append.node('Add', [scaled, append.wide(bias)]);
    },
  });
}
