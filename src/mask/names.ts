import type { Redaction } from './text.ts';

/** Lists that an application brings along: without one no name is looked for. */
export interface Names {
  /** Given names and surnames, in lower case. */
  readonly people: ReadonlySet<string>;
}

interface Span {
  readonly kind: Redaction;
  readonly start: number;
  readonly end: number;
}

/** A listed name, with the capitalised words that follow it. */
function people(text: string, { people: listed }: Names): Span[] {
  const spans: Span[] = [];
  for (const { index, 0: word } of text.matchAll(/[\p{L}\p{M}'’-]+/gu)) {
    if (!listed.has(word.toLowerCase())) continue;
    const rest = /^(?:\s+\p{Lu}[\p{L}\p{M}'’.-]*){0,2}/u.exec(text.slice(index + word.length))?.[0] ?? '';
    spans.push({ kind: 'name', start: index, end: index + word.length + rest.length });
  }
  return spans;
}

/** A house number beside a word that streets are called by. */
const streets = [
  /\b\d{1,5}[a-z]?,?\s+(?:\p{L}+\s+){1,3}(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|way|court|place|square)\b\.?/giu,
  /\b\p{Lu}[\p{L}-]*(?:straße|strasse|str\.|weg|gasse|platz|allee)\s+\d{1,4}\s?[a-z]?(?!\p{L})/giu,
  /\b\d{1,4}(?:\s?bis)?,?\s+(?:rue|avenue|boulevard|place|chemin|impasse)\s+(?:d[eu]s?\s+|de\s+la\s+)?[\p{L}'-]+/giu,
  /\b(?:calle|avenida|plaza|paseo|via|viale|piazza|corso|rua|travessa)\s+(?:de\s+|del\s+|da\s+|do\s+)?[\p{L}' -]+?,?\s+(?:n[.º°]\s?)?\d{1,4}/giu,
  /(?<!\p{L})(?:ul\.|ulica|al\.|ул\.|улица|проспект|пр\.)\s+[\p{L} -]+?,?\s+(?:д\.\s?)?\d{1,4}/giu,
  /\p{Script=Han}{2,8}(?:路|街|道|巷|丁目)\s?\d{1,4}\s?(?:号|番地|-\d+)?/gu,
  /(?<!\p{L})\p{L}+(?:straat|laan|weg|gatan|vägen|gata)\s+\d{1,4}/giu,
];

/** Names that are listed, and addresses that are written as their country writes them. */
export const findNames = (text: string, names: Names): readonly Span[] => [
  ...people(text, names),
  ...streets.flatMap((pattern) =>
    [...text.matchAll(pattern)].map(
      ({ index, 0: { length } }): Span => ({ kind: 'address', start: index, end: index + length }),
    ),
  ),
];
