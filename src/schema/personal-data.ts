import type { Spec } from './field.ts';

/** What a text turned out to hold. `encoded`: readable text in base64 or hex, which no identifier has a reason to be. */
export type PersonalData = 'card' | 'iban' | 'key' | 'email' | 'phone' | 'ip' | 'encoded';

/** Where it stands: [start, end) in the text that was searched. */
export interface Found {
  readonly kind: PersonalData;
  readonly start: number;
  readonly end: number;
}

type Detector = (text: string) => readonly Found[];

const byPattern =
  (kind: PersonalData, pattern: RegExp): Detector =>
  (text) =>
    [...text.matchAll(pattern)].map(({ index, 0: { length } }) => ({
      kind,
      start: index,
      end: index + length,
    }));

/** Digits with a few separators between them, as people write numbers, and where each of them stands. */
function numberRuns(text: string): { digits: string; at: readonly number[] }[] {
  return [...text.matchAll(/\d(?:[\s._:/()-]{0,3}\d)*/g)].map(({ index, 0: run }) => {
    const at = [...run.matchAll(/\d/g)].map((digit) => index + digit.index);
    return { digits: run.replace(/\D/g, ''), at };
  });
}

/** ISO/IEC 7812-1 annex B. */
function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Issuer prefixes in use: 2221-2720, 3, 4, 5, 6. */
const issuer = /^(?:2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)|[3-6])/;

const cards: Detector = (text) =>
  numberRuns(text).flatMap(({ digits, at }) => {
    const found: Found[] = [];
    for (let start = 0; start + 13 <= digits.length; start++)
      for (let length = 13; length <= 19 && start + length <= digits.length; length++) {
        const window = digits.slice(start, start + length);
        const [first = 0, last = 0] = [at[start], at[start + length - 1]];
        if (issuer.test(window) && luhn(window)) found.push({ kind: 'card', start: first, end: last + 1 });
      }
    return found;
  });

/** ISO 13616: country and check digits moved behind, letters as 10..35, remainder 1 modulo 97. */
function mod97(iban: string): boolean {
  let remainder = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4))
    for (const digit of Number.parseInt(character, 36).toString())
      remainder = (remainder * 10 + Number(digit)) % 97;
  return remainder === 1;
}

/** Length by country (SWIFT IBAN registry): without it every 97th text of a fitting form would be an account. */
const ibanLengths = new Map(
  (
    'NO15 BE16 DK18 FI18 FK18 FO18 GL18 NL18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 MN20 XK20 CH21 HR21 LI21 LV21 ' +
    'BG22 BH22 CR22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23 OM23 SO23 TL23 AD24 CZ24 ES24 MD24 PK24 ' +
    'RO24 SA24 SE24 SK24 TN24 VG24 LY25 PT25 ST25 IS26 TR26 BI27 DJ27 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 BY28 ' +
    'CY28 DO28 GT28 HN28 HU28 LB28 NI28 PL28 SV28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 YE30 MT31 SC31 LC32 RU33'
  )
    .split(' ')
    .map((entry): [string, number] => [entry.slice(0, 2), Number(entry.slice(2))]),
);

const ibans: Detector = (text) =>
  [...text.matchAll(/(?=([A-Z]{2}\d{2}(?:[\s._:-]{0,3}[A-Z0-9]){11,30}))/gi)].flatMap(
    ({ index, 1: candidate = '' }): Found[] => {
      const at = [...candidate.matchAll(/[A-Z0-9]/gi)].map((character) => index + character.index);
      const length = ibanLengths.get(candidate.slice(0, 2).toUpperCase()) ?? Number.POSITIVE_INFINITY;
      // What follows an account number may be glued to it.
      const iban = candidate
        .toUpperCase()
        .replace(/[^A-Z0-9]/g, '')
        .slice(0, length);
      return iban.length === length && mod97(iban)
        ? [{ kind: 'iban', start: index, end: (at[length - 1] ?? index) + 1 }]
        : [];
    },
  );

/** Prefixes that issuers put on secrets so that they can be found, and parameters that are named after one. */
const keys = byPattern(
  'key',
  /(?:\bsk|\bpk|\brk)[-_][\w-]{16,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|A[KS]IA[0-9A-Z]{16}|xox[abeoprs]-[\w-]{10,}|\bhf_\w{16,}|AIza[\w-]{30,}|glpat-[\w-]{16,}|\bnpm_\w{16,}|ya29\.[\w-]{16,}|SG\.[\w.-]{16,}|eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]+)?|-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)|\b(?:access_token|api_?key|auth|passw(?:or)?d|pwd|secret|sig|token)=[^&\s"']+/gi,
);

/**
 * An address, and the name and password before a host in a URL. Looked for from the begin of each word only, for
 * a match from within it would begin there too: else the time would grow with the square of a word's length.
 */
const emails = byPattern('email', /(?<![^\s@])[^\s@]+(?:@|%40|\s?[[(](?:at|@)[\])]\s?)[^\s@]+\.[^\s@]{2,}/gi);

/** International with + or 00, national with a leading 0, or ten digits as North America groups them. */
const national = /^(?:00[1-9]\d{7,13}|0[1-9]\d{8,10}|1?[2-9]\d{2}[2-9]\d{6})$/;
const international = byPattern('phone', /\+\d(?:[ ()./-]{0,2}\d){7,14}/g);

/** Digits between letters are part of some code. */
const standsAlone = (text: string, at: readonly number[]): boolean =>
  !/[A-Za-z]/.test(text.charAt((at[0] ?? 0) - 1) + text.charAt((at.at(-1) ?? 0) + 1));

const phones: Detector = (text) => [
  ...international(text),
  ...numberRuns(text).flatMap(({ digits, at }): Found[] =>
    national.test(digits) && standsAlone(text, at)
      ? [{ kind: 'phone', start: at[0] ?? 0, end: (at.at(-1) ?? 0) + 1 }]
      : [],
  ),
];

const ipv4 = byPattern(
  'ip',
  /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]*\d)/g,
);

const ipv6: Detector = (text) =>
  [...text.matchAll(/(?<![\w:])[0-9A-Fa-f:]{3,39}(?![\w:])/g)].flatMap(({ index, 0: candidate }): Found[] => {
    const groups = candidate.split(':');
    const filled = groups.filter((group) => group !== '');
    if (!filled.every((group) => group.length <= 4) || filled.length === 0) return [];
    const whole = candidate.includes('::') ? filled.length <= 7 && groups.length >= 3 : groups.length === 8;
    return whole ? [{ kind: 'ip', start: index, end: index + candidate.length }] : [];
  });

const detectors: readonly Detector[] = [keys, emails, cards, ibans, ipv4, ipv6, phones];

/** Everything with a checksum, a prefix or a form of its own; they may overlap. @param text after NFKC */
export const findAll = (text: string): readonly Found[] => detectors.flatMap((detect) => detect(text));

/** Compatibility forms (full-width digits, ligatures) become plain ones; invisible characters go. ASCII has neither. */
const normalise = (value: string): string =>
  /^[ -~]*$/.test(value) ? value : value.normalize('NFKC').replace(/[\p{Cf}\p{Cc}\p{Mn}]/gu, '');

/** Random hex is no number anybody wrote: without this one UUID in some hundred would be taken for a card. */
const isRandomHex = (value: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.test(value) ||
  (/^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/i.test(value) && /[a-f]/i.test(value)) ||
  // An Andorran account number has 24 places too, but few letters.
  (/^[0-9a-f]{24}$/i.test(value) && /(?:[a-f].*){4}/i.test(value));

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Control characters, and bytes that UTF-8 never has: of random bytes hardly any go without, and none of a text. */
const foreign = /[^\t-\r -~\x80-\xbf\xc2-\xf4]/;

/** @param bytes a character each */
function readable(bytes: string): string | undefined {
  // Failing in the decoder costs twenty times as much, and every id would.
  if (foreign.test(bytes)) return undefined;
  try {
    const text = utf8.decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
    return /^[\p{L}\p{M}\p{N}\p{P}\p{S}\s]+$/u.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Long enough, or with letters among the digits: else it may be a number. */
function decodeHex(value: string): string | undefined {
  const isHex = /^(?:[0-9a-f]{2}){8,}$/i.test(value) && (value.length >= 24 || /[a-f]/i.test(value));
  return isHex
    ? readable(value.replace(/../g, (pair) => String.fromCharCode(Number.parseInt(pair, 16))))
    : undefined;
}

function decodeBase64(value: string): string | undefined {
  if (!/^[A-Za-z0-9+/_-]{12,}={0,2}$/.test(value)) return undefined;
  try {
    return readable(atob(value.replace(/-/g, '+').replace(/_/g, '/')));
  } catch {
    return undefined;
  }
}

/** The readable text that a value is the hex or base64 of, if it is. */
export const decoded = (value: string): string | undefined => decodeHex(value) ?? decodeBase64(value);

/**
 * The first kind of personal data found in an identifier, also under full-width digits, zero-width
 * characters or base64. For identifiers only: names and addresses in prose have no checksum to find them by.
 */
export function findPersonalData(value: string): PersonalData | undefined {
  const plain = normalise(value);
  const inside = decoded(plain);
  if (inside !== undefined) return findPersonalData(inside) ?? 'encoded';
  if (isRandomHex(plain)) return undefined;
  for (const detect of detectors) {
    const [first] = detect(plain);
    if (first !== undefined) return first.kind;
  }
  return undefined;
}

/** Whether a value that its field accepts must still not leave the page, nor enter the log. */
export const isPersonal = (spec: Spec, value: unknown): boolean =>
  spec.kind === 'text' &&
  spec.chosenByApplication &&
  typeof value === 'string' &&
  findPersonalData(value) !== undefined;
