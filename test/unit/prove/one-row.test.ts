import { expect, it } from 'vitest';
import { failed, proveFolder } from '../../../src/cli/verify-self.ts';
import { bytes } from '../../../src/shared/units.ts';
import { seeded, transformer } from '../../transformer.ts';

const graph = transformer({
  layers: 2,
  width: 32,
  headSize: 8,
  vocabulary: 64,
  fill: seeded(3),
  isOneRow: true,
});
const config = new TextEncoder().encode(
  JSON.stringify({ model_type: 'generated', num_attention_heads: 4, vocab_size: 64 }),
);
const files: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  'config.json': config,
  'onnx/model.onnx': graph,
};

it('is enough for a proof, where a graph takes no more than one', async () => {
  const [part] = await proveFolder(
    {
      id: 'generated',
      size: async (path) => (files[path] === undefined ? undefined : bytes(files[path].length)),
      read: async (path) => files[path],
    },
    'fp32',
  );
  if (part === undefined) throw new Error('nothing was proved');
  expect(failed(part)).toEqual([]);
  expect(part.proved.hooks.get('blocks.1.attn.hook_pattern')).toBe('proved');
  expect(part.proved.hooks.get('blocks.1.hook_resid_post')).toBe('proved');
});
