import type { Spec } from './field.ts';

/** What a value that should be an identifier turned out to hold. */
export type PersonalData = 'card' | 'iban' | 'key' | 'email' | 'phone' | 'ip';

/** Compatibility forms (full-width digits, ligatures) become plain ones; invisible characters go. */
const normalise = (value: string): string => value.normalize('NFKC').replace(/[\p{Cf}\p{Cc}\p{Mn}]/gu, '');

/** Digits with single separators between them, as people write numbers. */
const numberRuns = (value: string): string[] =>
  (value.match(/\d(?:[ ._:/-]?\d)*/g) ?? []).map((run) => run.replace(/\D/g, ''));

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

function hasCard(value: string): boolean {
  return numberRuns(value).some((run) => {
    for (let start = 0; start + 13 <= run.length; start++)
      for (let length = 13; length <= 19 && start + length <= run.length; length++) {
        const window = run.slice(start, start + length);
        if (issuer.test(window) && luhn(window)) return true;
      }
    return false;
  });
}

/** ISO 13616: country and check digits moved behind, letters as 10..35, remainder 1 modulo 97. */
function mod97(iban: string): boolean {
  let remainder = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4))
    for (const digit of Number.parseInt(character, 36).toString())
      remainder = (remainder * 10 + Number(digit)) % 97;
  return remainder === 1;
}

function hasIban(value: string): boolean {
  const candidates = value.toUpperCase().match(/[A-Z]{2}\d{2}(?:[ ._:-]?[A-Z0-9]){11,30}/g) ?? [];
  return candidates.some((candidate) => {
    const iban = candidate.replace(/[^A-Z0-9]/g, '');
    // What follows an account number may be glued to it: every length from 15 on is tried.
    for (let length = 15; length <= iban.length; length++) if (mod97(iban.slice(0, length))) return true;
    return false;
  });
}

/** Prefixes that issuers put on secrets so that they can be found. */
const keys =
  /(?:\bsk|\bpk|\brk)[-_][\w-]{16,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|A[KS]IA[0-9A-Z]{16}|xox[abeoprs]-[\w-]{10,}|\bhf_\w{16,}|AIza[\w-]{30,}|glpat-[\w-]{16,}|\bnpm_\w{16,}|ya29\.[\w-]{16,}|SG\.[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]+|-----BEGIN/;

const email = /[^\s@]+(?:@|%40)[^\s@]+\.[^\s@]{2,}/i;

/** International with + or 00, national with a leading 0, or ten digits as North America groups them. */
const phone = /^(?:00[1-9]\d{7,13}|0[1-9]\d{8,10}|1?[2-9]\d{2}[2-9]\d{6})$/;

const hasPhone = (value: string): boolean =>
  /\+\d(?:[ ()./-]{0,2}\d){7,14}/.test(value) || numberRuns(value).some((run) => phone.test(run));

const ipv4 = /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])/;

function hasIpv6(value: string): boolean {
  return (value.match(/(?<![\w:])[0-9A-Fa-f:]{3,39}(?![\w:])/g) ?? []).some((candidate) => {
    const groups = candidate.split(':');
    const filled = groups.filter((group) => group !== '');
    if (!filled.every((group) => group.length <= 4) || filled.length === 0) return false;
    return candidate.includes('::') ? filled.length <= 7 && groups.length >= 3 : groups.length === 8;
  });
}

/** Random hex is no number anybody wrote: without this one UUID in some hundred would be taken for a card. */
const isRandomHex = (value: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.test(value) ||
  (/^(?:[0-9a-f]{32}|[0-9a-f]{64})$/i.test(value) && /[a-f]/i.test(value));

/** The readable text that a value is the base64 of, if it is. */
function decoded(value: string): string | undefined {
  if (!/^[A-Za-z0-9+/_-]{12,}={0,2}$/.test(value)) return undefined;
  try {
    const text = atob(value.replace(/-/g, '+').replace(/_/g, '/'));
    return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The first kind of personal data found in an identifier, also under full-width digits, zero-width
 * characters or base64. For identifiers only: names and addresses in prose have no checksum to find them by.
 */
export function findPersonalData(value: string): PersonalData | undefined {
  if (isRandomHex(value)) return undefined;
  const plain = normalise(value);
  if (isRandomHex(plain)) return undefined;
  if (keys.test(plain)) return 'key';
  if (email.test(plain)) return 'email';
  if (hasCard(plain)) return 'card';
  if (hasIban(plain)) return 'iban';
  if (ipv4.test(plain) || hasIpv6(plain)) return 'ip';
  if (hasPhone(plain)) return 'phone';
  const inside = decoded(plain);
  return inside === undefined ? undefined : findPersonalData(inside);
}

/** Whether a value that its field accepts must still not leave the page, nor enter the log. */
export const isPersonal = (spec: Spec, value: unknown): boolean =>
  spec.kind === 'text' &&
  spec.chosenByApplication &&
  typeof value === 'string' &&
  findPersonalData(value) !== undefined;
