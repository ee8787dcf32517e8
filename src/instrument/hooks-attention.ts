import type { Attention } from './attention.ts';
import type { Drafts } from './drafts.ts';

const perHead = ['batch', 'position', 'head', 'size'] as const;
const perKeyHead = ['batch', 'key', 'head', 'size'] as const;
const square = ['batch', 'head', 'position', 'key'] as const;

/** `at` is where they are: `blocks.0.attn.` or `blocks.0.cross_attn.` */
export function attentionHooks(drafts: Drafts, attention: Attention, at: string): void {
  const { q, k, v, scores, pattern, z } = attention;
  const missing = 'no projection was recognised behind it';
  drafts.found(`${at}hook_q`, q.projected, perHead, missing);
  drafts.found(`${at}hook_k`, k.projected, perKeyHead, missing);
  drafts.found(`${at}hook_v`, v.projected, perKeyHead, missing);
  if (q.rotated !== undefined) drafts.found(`${at}hook_rot_q`, q.rotated, perHead, missing);
  if (k.rotated !== undefined) drafts.found(`${at}hook_rot_k`, k.rotated, perKeyHead, missing);
  const shapeless = 'the axes of its tensor could not be told apart';
  drafts.found(`${at}hook_attn_scores`, scores, square, shapeless);
  drafts.found(`${at}hook_pattern`, pattern, square, shapeless);
  drafts.found(`${at}hook_z`, z, perHead, shapeless);
}
