import type { Recipe } from './draft.ts';
import { type Drafts, flattened, rows } from './drafts.ts';
import { embeddingsBehind } from './embed.ts';
import type { Node } from './onnx.ts';
import { sizeOf } from './recompute.ts';
import type { Structure } from './structure.ts';
import type { View } from './view.ts';

/** What enters block 0 and, where it is made of looked-up tables, its parts. */
export function embeddingHooks(drafts: Drafts, view: View, structure: Structure): void {
  const maker = view.index.producer(structure.start);
  if (maker?.op === 'EmbedLayerNormalization') fusedEmbeddings(drafts, view, maker);
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

/** com.microsoft EmbedLayerNormalization looks up, adds and normalises at once: the rows are looked up again. */
function fusedEmbeddings(drafts: Drafts, { shapes }: View, node: Node): void {
  const [ids = '', , words = '', table = '', , , , , positions = ''] = node.inputs;
  const dims = ['batch', 'position', shapes.dims(words)?.at(-1) ?? 'd_model'];
  const how = 'looked up again: the operator adds and normalises at once';
  const rowsOf: Recipe = (append) => append.node('Gather', [append.wide(words), ids], { axis: 0 });
  drafts.derived('hook_embed', dims, [ids, words], how, rowsOf);
  if (table === '') return;
  drafts.derived('hook_pos_embed', dims, [ids, table], how, (append) => {
    const shape = append.node('Shape', [rowsOf(append)], {}, { type: 'int64' });
    const count = append.node(
      'Range',
      [append.int(0), sizeOf(append, ids, 1), append.int(1)],
      {},
      { type: 'int64' },
    );
    const places = positions === '' ? count : positions;
    return append.node('Expand', [append.node('Gather', [append.wide(table), places], { axis: 0 }), shape]);
  });
}
