import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { folderSource } from '../../../src/load/folder.node.ts';
import { loadFolder } from '../../../src/load/load.ts';
import { createTextStream } from '../../../src/load/text-stream.ts';
import { openTokenizer } from '../../../src/load/tokenizer.ts';

describe.each(['public/models/shakespeare-gpt', 'test/zoo/t5'])('the text of %s token by token', (path) => {
  it('is the text of all tokens together, whatever characters they cut through', async () => {
    const tokenizer = openTokenizer(await loadFolder(folderSource(path), {}));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), (text) => {
        fc.pre(text.trim() !== '');
        const ids = tokenizer.ids(text);
        const stream = createTextStream(tokenizer.decode);
        const pieces = ids.map((id) => stream.push(id)).join('');
        const whole = tokenizer.decode(ids);
        // What ends inside a character is held back.
        expect(whole.startsWith(pieces)).toBe(true);
        expect(whole.slice(pieces.length)).toMatch(/^\uFFFD*$/u);
      }),
      { numRuns: 300 },
    );
  });
});
