import { type Drafts, flattened } from './drafts.ts';
import { normHooks } from './hooks-norm.ts';
import { projectionAt } from './linear.ts';
import { activationBehind } from './mlp.ts';
import { type Branch, normInto } from './structure.ts';
import type { View } from './view.ts';

/** `at` is the block: `blocks.0.` */
export function mlpHooks(drafts: Drafts, view: View, mlp: Branch, at: string, postNorm: boolean): void {
  const { index } = view;
  const post = mlp.projection?.input;
  const activation = post === undefined ? undefined : activationBehind(index, post);
  const entering = activation === undefined ? undefined : projectionAt(index, activation.pre)?.input;
  const norm = postNorm ? undefined : normInto(view, entering);
  if (norm !== undefined) normHooks(drafts, `${at}ln2`, norm);
  if (activation === undefined)
    drafts.unavailable(`${at}mlp.hook_pre`, 'no activation between two projections was found');
  else if (activation.bias === undefined) drafts.row(`${at}mlp.hook_pre`, activation.pre, flattened);
  else {
    const { pre, bias } = activation;
    const how = 'the bias is added inside the activation';
    drafts.derived(`${at}mlp.hook_pre`, ['batch', 'position', 'd_mlp'], [pre, bias], how, (append) =>
      append.node('Add', [append.wide(pre), append.wide(bias)]),
    );
  }
  if (activation?.linear !== undefined) drafts.row(`${at}mlp.hook_pre_linear`, activation.linear, flattened);
  const several = 'the branch does not end in one projection (a mixture of experts)';
  if (post === undefined) drafts.unavailable(`${at}mlp.hook_post`, several);
  else drafts.row(`${at}mlp.hook_post`, post, flattened);
}
