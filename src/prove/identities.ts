import type { Hook } from '../shared/hook.ts';
import { isScaledProduct, isSoftmax, isWeightedSum, keepsLength, rowsSumToOne } from './attention.ts';
import { Claims } from './claims.ts';
import { followsIds, followsPositions, isMadeOfEmbeddings } from './embedding.ts';
import type { Identity } from './identity.ts';
import { isLinear } from './linear.ts';
import { isActivated } from './mlp.ts';
import { addsToNorm, isGained, isGainedIfAlone, isNormalized, rescales } from './norm.ts';
import { isSame, isSum } from './sum.ts';

/** Every identity that the hooks of a model can be held against. Which hooks there are says which apply. */
export function identitiesOf(hooks: readonly Hook[]): readonly Identity[] {
  const claims = new Claims(hooks);
  const stacks = [...stacksOf(hooks)];
  for (const [at, [prefix, layers]] of stacks.entries())
    stackClaims(claims, prefix, layers, at === stacks.length - 1);
  return claims.list;
}

/** `''`, `encoder.`, `decoder.` and how many blocks each has. */
function stacksOf(hooks: readonly Hook[]): ReadonlyMap<string, number> {
  const stacks = new Map<string, number>();
  for (const { name } of hooks) {
    const [, prefix, layer] = /^(.*?)blocks\.(\d+)\./.exec(name) ?? [];
    if (prefix !== undefined) stacks.set(prefix, Math.max(stacks.get(prefix) ?? 0, Number(layer) + 1));
  }
  return stacks;
}

/** `isLast` is the stack that the outputs of the model come from, where it has several. */
function stackClaims(claims: Claims, prefix: string, layers: number, isLast: boolean): void {
  const start = `${prefix}blocks.0.hook_resid_pre`;
  const [embed, position, full] = ['hook_embed', 'hook_pos_embed', 'hook_full_embed'].map(
    (name) => prefix + name,
  ) as [string, string, string];
  claims.add('hook_embed follows the token ids', ['input_ids', embed], followsIds);
  claims.add('hook_pos_embed follows the positions', [position], followsPositions);
  claims.add('full_embed is made of embed + pos_embed', [full, embed, position], isMadeOfEmbeddings);
  if (claims.has(full)) claims.add('resid_pre = full_embed', [start, full], isSame);
  else if (claims.has(position)) claims.add('resid_pre = embed + pos_embed', [start, embed, position], isSum);
  else claims.add('resid_pre = embed', [start, embed], isSame);
  for (let layer = 0; layer < layers; layer++) blockClaims(claims, prefix, layer);
  endClaims(claims, prefix, `${prefix}blocks.${layers - 1}.`, isLast);
}

function blockClaims(claims: Claims, prefix: string, layer: number): void {
  const at = (hook: string): string => `${prefix}blocks.${layer}.${hook}`;
  const hasNormAfter = claims.has(at('hook_normalized_resid_post'));
  const [pre, mid, post] = [at('hook_resid_pre'), at('hook_resid_mid'), at('hook_resid_post')];
  const crossed = at('hook_resid_mid_cross');
  const [attention, cross, mlp] = [at('hook_attn_out'), at('hook_cross_attn_out'), at('hook_mlp_out')];
  attentionClaims(claims, at('attn.'));
  attentionClaims(claims, at('cross_attn.'));
  const hasMid = claims.has(mid);
  if (hasMid) claims.add('resid_mid = resid_pre + attn_out', [mid, pre, attention], isSum);
  else if (claims.has(mlp))
    claims.add('resid_post = resid_pre + attn_out + mlp_out', [post, pre, attention, mlp], isSum);
  else claims.add('resid_post = resid_pre + attn_out', [post, pre, attention], isSum);
  const last = claims.has(crossed) ? crossed : mid;
  if (hasNormAfter) {
    claims.add(
      'resid_mid_cross = norm(resid_mid) + cross_attn_out',
      [crossed, cross, at('ln1.hook_normalized')],
      addsToNorm,
    );
    const norm = claims.has(crossed) ? at('ln_cross.hook_normalized') : at('ln1.hook_normalized');
    claims.add('resid_post = norm(resid_mid) + mlp_out', [post, mlp, norm], addsToNorm);
    claims.add(
      'normalized_resid_post = gain · normalized + bias',
      [at('hook_normalized_resid_post'), at('ln2.hook_normalized')],
      isGained,
    );
    claims.add(
      'the next resid_pre = normalized_resid_post',
      [`${prefix}blocks.${layer + 1}.hook_resid_pre`, at('hook_normalized_resid_post')],
      isSame,
    );
    normClaims(claims, at('ln1.'), mid);
    normClaims(claims, at('ln_cross.'), crossed);
    normClaims(claims, at('ln2.'), post);
  } else {
    claims.add('resid_mid_cross = resid_mid + cross_attn_out', [crossed, mid, cross], isSum);
    claims.add('resid_post = resid_mid + mlp_out', [post, last, mlp], isSum);
    claims.add(
      'the next resid_pre = resid_post',
      [`${prefix}blocks.${layer + 1}.hook_resid_pre`, post],
      isSame,
    );
    normClaims(claims, at('ln1.'), pre);
    normClaims(claims, at('ln_cross.'), mid);
    normClaims(claims, at('ln2.'), hasMid ? last : pre);
  }
  projectionClaims(claims, at, hasNormAfter);
}

function attentionClaims(claims: Claims, at: string): void {
  const hook = (name: string): string => `${at}hook_${name}`;
  const rotated = (side: string): string =>
    claims.has(hook(`rot_${side}`)) ? hook(`rot_${side}`) : hook(side);
  claims.add('rows of pattern sum to 1', [hook('pattern')], rowsSumToOne);
  claims.add('pattern = softmax(scores)', [hook('pattern'), hook('attn_scores')], isSoftmax);
  claims.add('scores = factor · q · k', [hook('attn_scores'), rotated('q'), rotated('k')], isScaledProduct);
  claims.add('z = pattern · v', [hook('z'), hook('pattern'), hook('v')], isWeightedSum);
  for (const side of ['q', 'k'])
    claims.add(`rot_${side} turns ${side}`, [hook(`rot_${side}`), hook(side)], keepsLength);
}

/** `input` is what the norm reads. */
function normClaims(claims: Claims, at: string, input: string): void {
  const [normalized, scale] = [`${at}hook_normalized`, `${at}hook_scale`];
  claims.add('normalized rows have unit size', [normalized, scale], isNormalized);
  claims.add('normalized · scale = what the norm reads', [input, normalized, scale], rescales);
}

/** Projections are linear in what they read; their weights need not be known to see that. */
function projectionClaims(claims: Claims, at: (hook: string) => string, isPostNorm: boolean): void {
  const into = (norm: string, otherwise: string): string =>
    !isPostNorm && claims.has(at(`${norm}.hook_normalized`)) ? at(`${norm}.hook_normalized`) : at(otherwise);
  const linear = (output: string, input: string): void =>
    claims.add(
      `${output.split('hook_').pop()} is linear in ${input.split('hook_').pop()}`,
      [at(output), input],
      isLinear,
    );
  for (const side of ['q', 'k', 'v']) linear(`attn.hook_${side}`, into('ln1', 'hook_resid_pre'));
  linear('hook_attn_out', at('attn.hook_z'));
  if (!isPostNorm) linear('cross_attn.hook_q', into('ln_cross', 'hook_resid_mid'));
  else if (claims.has(at('cross_attn.hook_q'))) linear('cross_attn.hook_q', at('ln1.hook_normalized'));
  linear('hook_cross_attn_out', at('cross_attn.hook_z'));
  const read = isPostNorm
    ? at(claims.has(at('ln_cross.hook_normalized')) ? 'ln_cross.hook_normalized' : 'ln1.hook_normalized')
    : claims.has(at('ln2.hook_normalized'))
      ? at('ln2.hook_normalized')
      : at('ln1.hook_normalized');
  linear('mlp.hook_pre', read);
  linear('mlp.hook_pre_linear', read);
  linear('hook_mlp_out', at('mlp.hook_post'));
  const [post, pre, gate] = [at('mlp.hook_post'), at('mlp.hook_pre'), at('mlp.hook_pre_linear')];
  if (claims.has(gate)) claims.add('post = activation(pre) · pre_linear', [post, pre, gate], isActivated);
  else claims.add('post = activation(pre)', [post, pre], isActivated);
}

/** What stands after the last block, whose hooks begin with `last`. */
function endClaims(claims: Claims, prefix: string, last: string, isLast: boolean): void {
  const normalized = `${prefix}ln_final.hook_normalized`;
  const [into, out] = [`${prefix}unembed.hook_in`, `${prefix}unembed.hook_out`];
  const own = `${prefix}last_hidden_state`;
  const state = claims.has(own) || !isLast ? own : 'last_hidden_state';
  normClaims(claims, `${prefix}ln_final.`, `${last}hook_resid_post`);
  if (claims.has(normalized)) {
    claims.add('last_hidden_state = gain · normalized + bias', [state, normalized], isGained);
    claims.add('unembed.hook_in = gain · normalized + bias', [into, normalized], isGainedIfAlone);
  } else {
    const end = `${last}hook_normalized_resid_post`;
    claims.add(
      'last_hidden_state = the end of the stream',
      [state, claims.has(end) ? end : `${last}hook_resid_post`],
      isSame,
    );
  }
  claims.add('unembed.hook_out is linear in unembed.hook_in', [out, into], isLinear);
  if (isLast) claims.add('logits = unembed.hook_out', ['logits', out], isSame);
}
