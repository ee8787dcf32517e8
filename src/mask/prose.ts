import { unprintable } from '../schema/field.ts';
import { recordFields } from '../schema/fields.ts';
import type { TextTelemetry, TextTreatment } from '../schema/opt-in.ts';
import type { TextMask } from './mask.ts';
import type { Names } from './names.ts';
import { maskText } from './text.ts';

/** UTF-16 units. */
const truncated = 200;
/** What a cut makes of a text may look like something anew, so the text is masked until nothing is found. */
const mostRounds = 4;

function cut(text: string, most: number): string {
  const short = text.slice(0, most);
  return /[\ud800-\udbff]$/.test(short) ? short.slice(0, -1) : short;
}

/** @returns undefined where nothing is left, or something is found however often it is masked */
function told(text: string, most: number, names: Names): string | undefined {
  let before = text;
  for (let round = 0; round < mostRounds; round++) {
    const masked = cut(maskText(before.replace(unprintable, ' '), names).text, most);
    if (masked === before) return masked === '' ? undefined : masked;
    before = masked;
  }
  return undefined;
}

/** Loaded only where an application opted in: the detectors for prose weigh as much as the rest of the mask. */
export function textMask({ input, output, people = [] }: TextTelemetry): TextMask {
  const names = { people: new Set(people.map((name) => name.normalize('NFKC').toLowerCase())) };
  const telling =
    (treatment: TextTreatment | undefined, most: number) =>
    (text: unknown): string | undefined => {
      if (typeof text !== 'string') return undefined;
      if (treatment === 'mask') return told(text, most, names);
      return treatment === 'truncate' ? told(text, truncated, names) : undefined;
    };
  return {
    inputText: telling(input, recordFields.inputText.spec.most),
    outputText: telling(output, recordFields.outputText.spec.most),
  };
}
