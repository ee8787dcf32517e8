import { type Drafts, flattened } from './drafts.ts';
import { type Router, routerOf } from './experts.ts';
import { normHooks } from './hooks-norm.ts';
import { activationBehind, projectedFrom } from './mlp.ts';
import { type Branch, normInto } from './structure.ts';
import type { View } from './view.ts';

/** `at` is the block: `blocks.0.` */
export function mlpHooks(drafts: Drafts, view: View, mlp: Branch, at: string, postNorm: boolean): void {
  const { index } = view;
  const router = mlp.projection === undefined ? routerOf(view, mlp) : undefined;
  if (router !== undefined) {
    const [before] = postNorm ? [] : view.norms.after(mlp.join.stream);
    if (before !== undefined) normHooks(drafts, `${at}ln2`, before);
    expertHooks(drafts, router, at);
    return;
  }
  const post = mlp.projection?.input;
  const activation = post === undefined ? undefined : activationBehind(index, post);
  const entering = activation === undefined ? undefined : projectedFrom(index, activation.pre);
  const norm = postNorm ? undefined : normInto(view, [entering], mlp);
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
  const several = 'the branch does not end in one projection';
  if (post === undefined) drafts.unavailable(`${at}mlp.hook_post`, several);
  else drafts.row(`${at}mlp.hook_post`, post, flattened);
}

/** A mixture of experts has no one hidden layer; what it has is a choice for each position. */
function expertHooks(drafts: Drafts, { weights, indices, logits, chosen = 1 }: Router, at: string): void {
  const several = 'each expert has a hidden layer of its own, and a position passes through a few of them';
  for (const hook of ['hook_pre', 'hook_post']) drafts.unavailable(`${at}mlp.${hook}`, several);
  const names = { weights: `${at}mlp.hook_expert_weights`, indices: `${at}mlp.hook_expert_indices` };
  if (logits === undefined) {
    const inside = 'the router does not compute it as a tensor';
    drafts.row(names.weights, weights, inside);
    drafts.row(names.indices, indices, inside);
    return;
  }
  const how = 'the operator routes inside';
  const flat = ['batch·position', 'expert'];
  drafts.derived(names.weights, flat, [logits], how, (append) =>
    append.node('Softmax', [append.wide(logits)], { axis: -1 }),
  );
  drafts.derived(names.indices, ['batch·position', chosen], [logits], how, (append) => {
    const [, places = ''] = append.nodeWithOutputs('TopK', [append.wide(logits), append.ints(chosen)], 2);
    append.alias(places, 'int64');
    return append.cast(places, 'float');
  });
}
