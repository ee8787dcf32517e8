import { csvFormatRows } from 'd3-dsv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLabelled } from '../../../src/playground/labelled.ts';

const rows = [
  { text: 'a gorgeous, witty film', label: 'POSITIVE' },
  { text: 'dull', label: 0 },
];

describe('labelled texts', () => {
  it.each([
    ['CSV, columns in any order', 'label,id,Text\nPOSITIVE,7,"a gorgeous, witty film"\n0,8,dull\n'],
    ['CSV of Windows', '\uFEFFtext,label\r\n"a gorgeous, witty film",POSITIVE\r\ndull,0\r\n'],
    ['a JSON list', JSON.stringify(rows)],
    ['an object a line', rows.map((row) => JSON.stringify(row)).join('\n')],
  ])('are read from %s', (_what, content) => {
    expect(readLabelled(content)).toEqual(rows);
  });

  it.each([
    ['', 'The file is empty.'],
    ['text,class\na,b', 'The first line of a CSV file names its columns: text and label.'],
    ['text,label', 'The file holds no labelled text.'],
    ['text,label\na,1\nb,', 'Row 3 has no label.'],
    ['{"text":"a","label":1}\n{"text":"b"}', 'Line 2 has no label.'],
    ['{"text":"a","label":1}\n\n{"text":', 'Line 3 is not valid JSON.'],
    ['[{"text":"a","label":1},{"label":1}]', 'Item 2 has no text.'],
  ])('%j is refused with the place: %s', (content, why) => {
    expect(() => readLabelled(content)).toThrow(why);
  });

  it('come out of CSV as they went in, whatever they hold', () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((each) => each.trim() !== '' && !/\r/.test(each));
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 8 }), (texts) => {
        const content = csvFormatRows([['text', 'label'], ...texts.map((each) => [each, 'A'])]);
        expect(readLabelled(content)).toEqual(texts.map((each) => ({ text: each, label: 'A' })));
      }),
    );
  });
});
