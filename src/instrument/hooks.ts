import type { Attention } from './attention.ts';
import type { Draft } from './draft.ts';
import { Drafts, flattened } from './drafts.ts';
import { attentionHooks } from './hooks-attention.ts';
import { embeddingHooks } from './hooks-embed.ts';
import { headHooks } from './hooks-head.ts';
import { mlpHooks } from './hooks-mlp.ts';
import { normHooks } from './hooks-norm.ts';
import { branchHook, sumHook } from './hooks-residual.ts';
import type { Norm } from './norm.ts';
import type { Join } from './residual.ts';
import { type Block, normInto, type Structure } from './structure.ts';
import type { View } from './view.ts';

/** Every hook of a graph, in graph order, under TransformerLens names. */
export function hooksOf(view: View, structure: Structure, prefix: string): Draft[] {
  const drafts = new Drafts(view, prefix, structure.start);
  embeddingHooks(drafts, view, structure);
  for (const [layer, block] of structure.blocks.entries()) {
    blockHooks(drafts, view, structure, block, `blocks.${layer}.`);
  }
  const { finalNorm, postNorm } = structure;
  if (finalNorm !== undefined && !postNorm) normHooks(drafts, 'ln_final', finalNorm);
  else if (!postNorm)
    for (const hook of ['hook_scale', 'hook_normalized'])
      drafts.unavailable(`ln_final.${hook}`, 'no norm was recognised after the last block');
  headHooks(drafts, view, structure);
  return drafts.list;
}

/** Attentions of a graph without a residual stream that could be followed: numbered in the order they run. */
export function looseHooks(view: View, attentions: readonly Attention[]): Draft[] {
  const drafts = new Drafts(view, '');
  for (const [layer, attention] of attentions.entries())
    attentionHooks(drafts, attention, `blocks.${layer}.attn.`);
  return drafts.list;
}

/** The norm after a sum, in a post-norm model. */
function normOf({ norms }: View, join: Join): Norm | undefined {
  if (join.normed !== undefined) return join.normed;
  return join.sum === undefined ? undefined : norms.after(join.sum)[0];
}

const sourcesOf = ({ q, k, v }: Attention): readonly (string | undefined)[] =>
  [q, k, v].map(({ source }) => source);

function blockHooks(drafts: Drafts, view: View, structure: Structure, block: Block, at: string): void {
  const { attention, cross, mlp, parallel } = block;
  const { postNorm } = structure;
  drafts.row(`${at}hook_resid_pre`, block.first.stream, flattened);
  if (attention?.attention !== undefined) {
    const before = postNorm ? undefined : normInto(view, sourcesOf(attention.attention), attention);
    if (before !== undefined) normHooks(drafts, `${at}ln1`, before);
    attentionHooks(drafts, attention.attention, `${at}attn.`);
    branchHook(drafts, `${at}hook_attn_out`, attention);
    // A parallel block has no stream between its halves; a block without MLP ends here.
    if (!parallel && block.last !== attention.join)
      sumHook(drafts, view, `${at}hook_resid_mid`, attention.join);
    const norm = postNorm && block.last !== attention.join ? normOf(view, attention.join) : undefined;
    if (norm !== undefined) normHooks(drafts, `${at}ln1`, norm);
  }
  if (cross?.attention !== undefined) {
    const before = postNorm ? undefined : normInto(view, [cross.attention.q.source], cross);
    if (before !== undefined) normHooks(drafts, `${at}ln_cross`, before);
    attentionHooks(drafts, cross.attention, `${at}cross_attn.`);
    branchHook(drafts, `${at}hook_cross_attn_out`, cross);
    if (block.last !== cross.join) sumHook(drafts, view, `${at}hook_resid_mid_cross`, cross.join);
    const norm = postNorm ? normOf(view, cross.join) : undefined;
    if (norm !== undefined) normHooks(drafts, `${at}ln_cross`, norm);
  }
  if (mlp !== undefined) {
    mlpHooks(drafts, view, mlp, at, postNorm);
    branchHook(drafts, `${at}hook_mlp_out`, mlp);
  }
  sumHook(drafts, view, `${at}hook_resid_post`, block.last);
  const norm = postNorm ? normOf(view, block.last) : undefined;
  if (norm === undefined) return;
  normHooks(drafts, `${at}ln2`, norm);
  drafts.row(`${at}hook_normalized_resid_post`, norm.output, flattened);
}
