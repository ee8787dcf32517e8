import { type Drafts, flattened, rows } from './drafts.ts';
import { embeddingsBehind } from './embed.ts';
import type { Structure } from './structure.ts';
import type { View } from './view.ts';

/** What enters block 0 and, where it is made of looked-up tables, its parts. */
export function embeddingHooks(drafts: Drafts, view: View, structure: Structure): void {
  const { token, position } = embeddingsBehind(view, structure.start);
  if (token !== undefined) drafts.row('hook_embed', token, flattened);
  if (position !== undefined && token !== undefined) positionHook(drafts, view, position, token);
  drafts.row('hook_full_embed', structure.start, flattened);
}

/** Position embeddings are [1, p, d] or [p, d] in many graphs; the hook has the batch of the token embeddings. */
function positionHook(drafts: Drafts, view: View, position: string, token: string): void {
  const at = rows(view, position);
  if (at !== undefined && at.axes[0]?.[0]?.size !== 1) {
    drafts.row('hook_pos_embed', position, flattened);
    return;
  }
  const dims = ['batch', 'position', 'd_model'];
  drafts.derived('hook_pos_embed', dims, [position, token], 'repeated over the batch', (append) => {
    const shape = append.node('Shape', [token], {}, { type: 'int64' });
    return append.node('Expand', [append.wide(position), shape]);
  });
}
