import type { PersonalData } from '../schema/personal-data.ts';
import { findInProse } from '../schema/prose.ts';
import { findNames, type Names } from './names.ts';

export type Redaction = PersonalData | 'name' | 'address';

export interface MaskedText {
  /** The text in NFKC, with `[kind]` in the place of what was found. */
  readonly text: string;
  readonly found: Readonly<Partial<Record<Redaction, number>>>;
}

/**
 * A text that somebody opted in to send, without what has a checksum, a prefix or a form of its own: cards, IBANs,
 * keys, e-mail addresses, phone numbers, IP addresses; also full-width, in other digits, with invisible characters
 * or look-alikes between, in base64, hex or URL encoding. Names and postal addresses have nothing to find them by
 * but lists: with `names` some are found, never all.
 */
export function maskText(text: string, names?: Names): MaskedText {
  const plain = text.normalize('NFKC');
  const all = findInProse<Redaction>(plain, (copy) => (names === undefined ? [] : findNames(copy, names)));
  const spans = [...all].sort((a, b) => a.start - b.start || b.end - a.end);
  const found: Partial<Record<Redaction, number>> = {};
  let masked = '';
  let from = 0;
  for (const { kind, start, end } of spans) {
    if (start >= from) {
      masked += `${plain.slice(from, start)}[${kind}]`;
      found[kind] = (found[kind] ?? 0) + 1;
    }
    from = Math.max(from, end);
  }
  return { text: masked + plain.slice(from), found };
}
