import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkFolder, passes } from '../../../src/cli/check.ts';

const zoo = fileURLToPath(new URL('../../zoo/', import.meta.url));

describe('verify', () => {
  it.each(['gpt2', 'bert-classifier', 'distilbert'])(
    'finds %s equal to its PyTorch goldens, every hook',
    async (model) => {
      const checked = await checkFolder(`${zoo}${model}`, 'wasm');
      expect(checked.filter((each) => !passes(each))).toEqual([]);
      expect(checked.filter(({ comparison }) => comparison.kind === 'compared').length).toBeGreaterThan(30);
    },
  );
});
