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

/** A tokenizer's decoder as byte-level models have it, over tokens of any bytes. */
function bytesOf(vocabulary: readonly (readonly number[])[]) {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let decoded = 0;
  return {
    decode(ids: readonly number[]): string {
      decoded += ids.length;
      return decoder.decode(new Uint8Array(ids.flatMap((id) => vocabulary[id] ?? [])));
    },
    /** Tokens that were decoded until now, one as often as it was. */
    decoded: () => decoded,
  };
}

/** Bytes that begin and go on characters, more often than they would by chance. */
const byte = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.constantFrom(0x61, 0xc3, 0xe2, 0xf0, 0x9f, 0x82, 0xac),
);
const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)];
const cut = (bytes: readonly number[], lengths: readonly number[]): number[][] => {
  const tokens: number[][] = [];
  for (let from = 0, turn = 0; from < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    tokens.push(bytes.slice(from, from + length));
    from += length;
  }
  return tokens;
};
const cuts = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 });

describe('bytes, cut anywhere', () => {
  it('give the text of all of them, but for at most the last tokens', () => {
    const bytes = fc.oneof(
      fc.array(byte, { maxLength: 200 }),
      fc.string({ unit: 'grapheme', maxLength: 60 }).map(utf8),
      fc
        .tuple(fc.array(byte, { maxLength: 80 }), fc.string({ unit: 'grapheme' }).map(utf8))
        .map((parts) => parts.flat()),
    );
    fc.assert(
      fc.property(bytes, cuts, fc.nat(8), (all, lengths, before) => {
        const vocabulary = cut(all, lengths);
        const { decode } = bytesOf(vocabulary);
        const ids = [...vocabulary.keys()];
        const stream = createTextStream(decode, ids.slice(0, before));
        const pieces = ids
          .slice(before)
          .map((id) => stream.push(id))
          .join('');
        // The text goes on from whole characters: what a prompt ends with.
        const known = decode(ids.slice(0, before));
        fc.pre(!known.endsWith('\uFFFD'));
        const whole = decode(ids).slice(known.length);
        expect(whole.startsWith(pieces)).toBe(true);
        expect(stream.isOpen).toBe(
          pieces.length < whole.length || (whole.length === 0 && ids.length > before),
        );
        expect([...whole.slice(pieces.length)].length).toBeLessThanOrEqual(24 * 4);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['no character at all', [[0xff]]],
    ['the beginning of one again and again', [[0xe2, 0x82]]],
    ['tokens that all end inside of one', [[0xac, 0xe2, 0x82]]],
    ['nothing', [[]]],
  ])('cost the same for each token, however many came: %s', (_, vocabulary) => {
    const work = (count: number): number => {
      const { decode, decoded } = bytesOf(vocabulary);
      const stream = createTextStream(decode);
      for (let made = 0; made < count; made++) stream.push(0);
      return decoded();
    };
    expect(work(4000)).toBeLessThanOrEqual(4.1 * work(1000));
    expect(work(4000)).toBeLessThanOrEqual(4000 * 32);
  });

  it('that make none do not hide the characters behind them', () => {
    const bytes = [...new Array<number>(500).fill(0xff), ...utf8('€ STOP')];
    const vocabulary = bytes.map((one) => [one]);
    const stream = createTextStream(bytesOf(vocabulary).decode);
    const pieces = bytes.map((__, id) => stream.push(id)).join('');
    expect(pieces).toBe(`${'\uFFFD'.repeat(500)}€ STOP`);
  });
});
