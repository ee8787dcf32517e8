import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskRecord, type TextMask } from '../../../src/mask/mask.ts';
import { textMask } from '../../../src/mask/prose.ts';
import { type Verdict, validateLogs } from '../../../src/schema/receive.ts';
import type { RequestRecord } from '../../../src/schema/record.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { chunkOf, maskedRecord } from '../collect/chunk.ts';
import { sampleRecord } from '../schema/sample.ts';
import { canaries } from './canaries.ts';

const words = { inputText: 'Write to jane@example.com please', outputText: 'Done: 4111 1111 1111 1111.' };
const spoken = { ...sampleRecord(), ...words };

/** What the collector makes of a record with this text, whoever masked it. */
function judged(inputText: unknown): Verdict | undefined {
  const chunk = { session: '5'.repeat(32), epoch: 0, seq: 0 };
  const body = JSON.parse(JSON.stringify(chunkOf(chunk, [maskedRecord()])));
  const { attributes } = body.resourceLogs[0].scopeLogs[0].logRecords[0];
  attributes.push({ key: 'sonde.input.text', value: { stringValue: inputText } });
  const verdict = validateLogs(body);
  return verdict.kind === 'logs' ? verdict.chunks[0]?.verdicts[0] : undefined;
}

describe('the text of a record', () => {
  it('does not pass a mask that nobody opted in to', () => {
    const { masked, dropped } = maskRecord(spoken);
    expect(masked).not.toHaveProperty('inputText');
    expect(masked).not.toHaveProperty('outputText');
    expect(dropped).toEqual({ inputText: 1, outputText: 1 });
  });

  it('is treated field by field as the application asked', () => {
    const told = (options: Parameters<typeof textMask>[0]): Partial<RequestRecord> => {
      const { inputText, outputText } = maskRecord(spoken, textMask(options)).masked ?? {};
      return { ...(inputText && { inputText }), ...(outputText && { outputText }) };
    };
    expect(told({})).toEqual({});
    expect(told({ input: 'drop', output: 'hash' })).toEqual({});
    expect(told({ input: 'mask' })).toEqual({ inputText: 'Write to [email] please' });
    expect(told({ output: 'mask' })).toEqual({ outputText: 'Done: [card].' });
    expect(told({ input: 'mask', people: ['PLEASE'] })).toEqual({ inputText: 'Write to [email] [name]' });
    const long = { ...spoken, inputText: `${'x '.repeat(120)}${'word '.repeat(600)}` };
    expect(maskRecord(long, textMask({ input: 'truncate' })).masked?.inputText).toHaveLength(200);
    expect(maskRecord(long, textMask({ input: 'mask' })).masked?.inputText).toHaveLength(2000);
  });

  it('is dropped and counted when its masker throws, and the rest of the record goes', () => {
    const broken: TextMask = {
      ...textMask({ output: 'mask' }),
      inputText() {
        throw new Error('a detector failed');
      },
    };
    const { masked, dropped } = maskRecord(spoken, broken);
    expect(dropped).toEqual({ inputText: 1 });
    expect(masked).toMatchObject({ recordId: spoken.recordId, outputText: 'Done: [card].' });
  });

  it('is taken by the collector wherever it was cut, for nothing is found in it there', () => {
    const all = canaries(400, mulberry32(3)).map(({ text }) => text);
    const piece = fc.oneof(
      fc.constantFrom(...all),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
    );
    const { inputText: mask } = textMask({ input: 'mask' });
    const { inputText: shorten } = textMask({ input: 'truncate' });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        for (const told of [mask(pieces.join(' ')), shorten(pieces.join(''))])
          if (told !== undefined) expect(judged(told)).toHaveProperty('record.inputText', told);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the collector', () => {
  it.each([
    ['with a card in it', 'pay 4111 1111 1111 1111', 'personal_data.inputText'],
    ['with an address in base64', btoa('jane@example.com'), 'personal_data.inputText'],
    ['with digits of another script', 'call +٤٩ ١٥١ ٢٣٤٥٦٧٨٩', 'personal_data.inputText'],
    ['that is too long', 'word '.repeat(500), 'invalid.inputText'],
    ['that is not in NFKC', 'ﬁsh', 'invalid.inputText'],
    ['with half a character', 'a\ud83d', 'invalid.inputText'],
    ['that is no text', 7, 'invalid.inputText'],
  ])('refuses a record with a text %s', (_what, text, reject) => {
    expect(judged(text)).toEqual({ reject });
  });
});
