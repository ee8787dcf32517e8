import { decoded, type Found, findAll } from './personal-data.ts';

/** Letters of other scripts that look Latin (Unicode TR39, the ones that occur in addresses and keys). */
const lookalikes = new Map(
  Object.entries({
    а: 'a',
    в: 'b',
    с: 'c',
    е: 'e',
    һ: 'h',
    і: 'i',
    ј: 'j',
    к: 'k',
    м: 'm',
    о: 'o',
    р: 'p',
    ѕ: 's',
    т: 't',
    х: 'x',
    у: 'y',
    А: 'A',
    В: 'B',
    С: 'C',
    Е: 'E',
    Н: 'H',
    І: 'I',
    Ј: 'J',
    К: 'K',
    М: 'M',
    О: 'O',
    Р: 'P',
    Ѕ: 'S',
    Т: 'T',
    Х: 'X',
    У: 'Y',
    α: 'a',
    ο: 'o',
    ν: 'v',
    ρ: 'p',
    ι: 'i',
    Α: 'A',
    Β: 'B',
    Ε: 'E',
    Η: 'H',
    Ι: 'I',
    Κ: 'K',
    Μ: 'M',
    Ν: 'N',
    Ο: 'O',
    Ρ: 'P',
    Τ: 'T',
    Χ: 'X',
    Ζ: 'Z',
  }),
);

/** Digits of every script count from their block's zero. */
function digitOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return String(code - zero);
}

/** A copy to search in: no invisible characters, Latin look-alikes and digits; and where each character came from. */
function searchable(text: string): { readonly copy: string; readonly at: readonly number[] } {
  let copy = '';
  const at: number[] = [];
  let index = 0;
  for (const character of text) {
    const invisible = /[\p{Cf}\p{Mn}]/u.test(character) || /^(?!\s)\p{Cc}$/u.test(character);
    if (!invisible) {
      const plain = /\p{Nd}/u.test(character) ? digitOf(character) : (lookalikes.get(character) ?? character);
      copy += plain;
      for (let i = 0; i < plain.length; i++) at.push(index);
    }
    index += character.length;
  }
  return { copy, at: [...at, index] };
}

function decodeUrl(word: string): string | undefined {
  if (!/%[0-9a-f]{2}/i.test(word)) return undefined;
  try {
    return decodeURIComponent(word);
  } catch {
    return undefined;
  }
}

/** More that an application may look for, in a text without invisible characters and look-alikes. */
export type Finder<Kind> = (text: string) => readonly Span<Kind>[];

export interface Span<Kind> {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
}

/** Words that are the encoding of a text with something in it go as a whole. */
function inEncodings<Kind>(text: string, more: Finder<Kind>, depth: number): Span<Found['kind'] | Kind>[] {
  if (depth === 0) return [];
  return [...text.matchAll(/[\w+/=%.~-]{8,}/g)].flatMap(({ index, 0: word }) => {
    const padded = word.match(/^[\w+/-]+={0,2}/)?.[0] ?? word;
    const inside = decodeUrl(word) ?? decoded(padded);
    const [first] = inside === undefined ? [] : findInProse(inside.normalize('NFKC'), more, depth - 1);
    return first === undefined ? [] : [{ kind: first.kind, start: index, end: index + word.length }];
  });
}

/**
 * What has a checksum, a prefix or a form of its own: cards, IBANs, keys, e-mail addresses, phone numbers, IP
 * addresses; also full-width, in other digits, with invisible characters or look-alikes between, in base64, hex or
 * URL encoding.
 * @param text in NFKC @returns spans of `text`, which may overlap
 */
export function findInProse<Kind = never>(
  text: string,
  more: Finder<Kind> = () => [],
  depth = 3,
): readonly Span<Found['kind'] | Kind>[] {
  const { copy, at } = searchable(text);
  return [...findAll(copy), ...inEncodings(copy, more, depth), ...more(copy)].map(({ kind, start, end }) => ({
    kind,
    start: at[start] ?? 0,
    end: at[end] ?? text.length,
  }));
}
