/** Secrets that nobody has, in the forms in which people type, paste and send theirs. Same seed, same canaries. */
export interface Canary {
  readonly kind: string;
  readonly encoding: string;
  readonly language: string;
  readonly secret: string;
  /** As it stands in the text. */
  readonly written: string;
  readonly text: string;
}

type Random = () => number;

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const digits = (random: Random, n: number): string =>
  Array.from({ length: n }, () => Math.floor(random() * 10)).join('');
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const word = (random: Random, n: number, from = alphabet): string =>
  Array.from({ length: n }, () => pick(random, [...from])).join('');
const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function card(random: Random): string {
  const body = pick(random, ['4', '51', '37', '6011']) + digits(random, 14);
  const start = body.slice(0, 15);
  for (let check = 0; check < 10; check++) {
    const sum = [...`${start}${check}`]
      .reverse()
      .reduce((total, d, i) => total + (i % 2 ? +'0246813579'.charAt(+d) : +d), 0);
    if (sum % 10 === 0) return `${start}${check}`;
  }
  throw new Error('no check digit');
}

function iban(random: Random): string {
  const body = digits(random, 18);
  const number = BigInt(`${body}131400`); // DE00 behind
  return `DE${String(98n - (number % 97n)).padStart(2, '0')}${body}`;
}

const people = {
  given: 'Anna Jürgen Chloé Matteo Zofia Иван Γιώργος أحمد प्रिया 伟 さくら 민준 Olivia Liam Noah Emma'.split(
    ' ',
  ),
  family:
    'Schmidt Müller Dubois Rossi Kowalska Петров Παπαδόπουλος حسن शर्मा 王 佐藤 김 Johnson Garcia Nguyen Smith'.split(
      ' ',
    ),
};
/** What an application might bring along: every second given name and family name. */
export const listed: ReadonlySet<string> = new Set(
  [...people.given, ...people.family].filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()),
);

const addresses: readonly ((n: number) => string)[] = [
  (n) => `${n} High Street`,
  (n) => `${n} Old Mill Road`,
  (n) => `Lindenstraße ${n}`,
  (n) => `Am Markt ${n}`,
  (n) => `${n} rue de Rivoli`,
  (n) => `Calle de Alcalá ${n}`,
  (n) => `Via Garibaldi ${n}`,
  (n) => `ul. Marszałkowska ${n}`,
  (n) => `ул. Ленина ${n}`,
  (n) => `Ερμού ${n}`,
  (n) => `شارع التحرير ${n}`,
  (n) => `南京东路${n}号`,
];

/** All but the last two have a checksum, a prefix or a form. */
const kinds: Readonly<Record<string, (random: Random) => string>> = {
  card,
  iban,
  openai: (random) => `sk-proj-${word(random, 32)}`,
  stripe: (random) => `sk_live_${word(random, 24)}`,
  github: (random) => `ghp_${word(random, 36)}`,
  aws: (random) => `AKIA${word(random, 16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`,
  slack: (random) => `xoxb-${digits(random, 12)}-${word(random, 24)}`,
  google: (random) => `AIza${word(random, 35)}`,
  huggingface: (random) => `hf_${word(random, 34)}`,
  gitlab: (random) => `glpat-${word(random, 20)}`,
  npm: (random) => `npm_${word(random, 36)}`,
  jwt: (random) =>
    `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url({ sub: word(random, 12) })}.${word(random, 43)}`,
  pem: (random) => `-----BEGIN PRIVATE KEY-----\n${word(random, 64)}\n-----END PRIVATE KEY-----`,
  email: (random) => `${word(random, 8).toLowerCase()}.${word(random, 6).toLowerCase()}@example.com`,
  phone: (random) => `+49 1${digits(random, 2)} ${digits(random, 8)}`,
  ipv4: (random) => Array.from({ length: 4 }, () => 100 + Math.floor(random() * 156)).join('.'),
  ipv6: (random) => Array.from({ length: 8 }, () => word(random, 4, '123456789abcdef')).join(':'),
  url: (random) => `https://${word(random, 8)}:${word(random, 12)}@intranet.example/x`,
  name: (random) => `${pick(random, people.given)} ${pick(random, people.family)}`,
  address: (random) => pick(random, addresses)(1 + Math.floor(random() * 200)),
};
export const unchecked: ReadonlySet<string> = new Set(['name', 'address']);

const languages: Readonly<Record<string, (secret: string) => string>> = {
  en: (s) => `Please summarise this for me: ${s} and nothing else.`,
  de: (s) => `Bitte prüfe das hier: ${s} und antworte kurz.`,
  fr: (s) => `Voici mes données : ${s} merci d'avance !`,
  es: (s) => `Mis datos son ${s} y quiero ayuda.`,
  it: (s) => `Ecco quello che ho: ${s} grazie.`,
  pl: (s) => `Oto moje dane: ${s} dziękuję.`,
  ru: (s) => `Вот мои данные: ${s} спасибо.`,
  el: (s) => `Ορίστε τα στοιχεία μου: ${s} ευχαριστώ.`,
  ar: (s) => `هذه بياناتي ${s} شكرا`,
  hi: (s) => `यह मेरी जानकारी है ${s} धन्यवाद`,
  zh: (s) => `这是我的资料 ${s} 谢谢`,
  ja: (s) => `私の情報です ${s} お願いします`,
};

const twins: Readonly<Record<string, string>> = {
  a: 'а',
  c: 'с',
  e: 'е',
  o: 'о',
  p: 'р',
  x: 'х',
  A: 'А',
  E: 'Е',
  O: 'О',
};

const encodings: Readonly<Record<string, (secret: string) => string>> = {
  plain: (s) => s,
  'full-width': (s) => s.replace(/[!-~]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)),
  'zero-width': (s) => [...s].join('\u200b'),
  'look-alike': (s) => s.replace(/[aceopxAEO]/g, (c) => twins[c] ?? c),
  base64: (s) => Buffer.from(s).toString('base64'),
  'URL-encoded': (s) => [...Buffer.from(s)].map((b) => `%${b.toString(16).padStart(2, '0')}`).join(''),
  hex: (s) => Buffer.from(s).toString('hex'),
  // Only what is a number is written in groups, or in the digits of another script.
  grouped: (s) => (/^[A-Z]{0,2}\d{13,}$/.test(s) ? s.replace(/.{4}(?=.)/g, '$& ') : s),
  'Arabic digits': (s) =>
    /^\d{13,}$/.test(s) ? s.replace(/\d/g, (d) => String.fromCharCode(0x660 + +d)) : s,
};

export function canaries(n: number, random: Random): readonly Canary[] {
  const [kindNames, languageNames, encodingNames] = [kinds, languages, encodings].map(Object.keys) as [
    string[],
    string[],
    string[],
  ];
  return Array.from({ length: n }, (_, i) => {
    const kind = kindNames[i % kindNames.length] as string;
    const [language, encoding] = [pick(random, languageNames), pick(random, encodingNames)];
    const secret = (kinds[kind] as (random: Random) => string)(random);
    const written = (encodings[encoding] as (secret: string) => string)(secret);
    const text = (languages[language] as (secret: string) => string)(written);
    return { kind, encoding, language, secret, written, text };
  });
}

const original = new Map(Object.entries(twins).map(([latin, twin]) => [twin, latin]));

/** Letters and digits only, in one dress. */
const bare = (text: string): string =>
  [...text.normalize('NFKC')]
    .map((c) => original.get(c) ?? (/[\u0660-\u0669]/.test(c) ? String(c.charCodeAt(0) - 0x660) : c))
    .join('')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .toLowerCase();

/** Whether any eight letters or digits of the secret, as it is or as it was written, stand in what came out. */
export function leaks({ secret, written }: Canary, out: string): boolean {
  const [plain, text] = [bare(out), bare(secret)];
  const pieces = (of: string): string[] =>
    of.length <= 8 ? [of] : Array.from({ length: of.length - 7 }, (_, i) => of.slice(i, i + 8));
  // The armour of a PEM block and the host of a URL are no secret.
  const known = /beginprivatekey|endprivatekey|intranetexamplex|examplecom|https/g;
  return [text.replace(known, ''), bare(written).replace(known, '')].some((of) =>
    pieces(of).some((piece) => plain.includes(piece)),
  );
}
