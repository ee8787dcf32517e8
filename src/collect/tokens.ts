import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SondeError } from '../shared/errors.ts';
import { replaceFile } from './folder.ts';

/** What somebody may do on the admin listener. */
export type Permission = 'aggregates' | 'records' | 'audit' | 'change';

const permissions = {
  viewer: ['aggregates'],
  analyst: ['aggregates', 'records'],
  auditor: ['aggregates', 'audit'],
  admin: ['aggregates', 'records', 'audit', 'change'],
} as const satisfies Readonly<Record<string, readonly Permission[]>>;

export type Role = keyof typeof permissions;
export const roles = Object.keys(permissions) as readonly Role[];

export const may = (role: Role, permission: Permission): boolean =>
  (permissions[role] as readonly Permission[]).includes(permission);

/** A token as it is kept: of the token itself only its SHA-256. It has 192 random bits, so that is enough. */
export interface Token {
  readonly name: string;
  readonly role: Role;
  readonly hash: string;
}

const pathIn = (folder: string): string => join(folder, 'tokens.json');
export const hashToken = (token: string): string => hash('sha256', token);

function isToken(value: unknown): value is Token {
  if (typeof value !== 'object' || value === null) return false;
  const { name, role, hash: digest } = value as Partial<Token>;
  return typeof name === 'string' && typeof digest === 'string' && roles.some((known) => known === role);
}

/** @throws SondeError `storage_blocked` for a file that is damaged: nobody is let in by mistake */
export async function readTokens(folder: string): Promise<readonly Token[]> {
  let text: string;
  try {
    text = await readFile(pathIn(folder), 'utf8');
  } catch {
    return [];
  }
  try {
    const tokens: unknown = JSON.parse(text);
    if (Array.isArray(tokens) && tokens.every(isToken)) return tokens;
  } catch {
    // Said below.
  }
  throw new SondeError(
    'storage_blocked',
    `${pathIn(folder)} is damaged.`,
    'Delete it and make new tokens with sonde collect token add.',
  );
}

const saveTokens = (folder: string, tokens: readonly Token[]): Promise<void> =>
  replaceFile(pathIn(folder), `${JSON.stringify(tokens, null, 2)}\n`, 0o600);

/** @returns the token, which is shown this once */
export async function addToken(folder: string, name: string, role: Role): Promise<string> {
  const tokens = await readTokens(folder);
  if (tokens.some((token) => token.name === name))
    throw new SondeError(
      'invalid_argument',
      `There is a token ${name} already.`,
      'Remove it first, or take another name.',
    );
  const token = randomBytes(24).toString('base64url');
  await saveTokens(folder, [...tokens, { name, role, hash: hashToken(token) }]);
  return token;
}

export async function removeToken(folder: string, name: string): Promise<void> {
  const tokens = await readTokens(folder);
  if (!tokens.some((token) => token.name === name))
    throw new SondeError(
      'invalid_argument',
      `There is no token ${name}.`,
      'sonde collect token list names those there are.',
    );
  await saveTokens(
    folder,
    tokens.filter((token) => token.name !== name),
  );
}

/** Whose token it is; every one is compared, in the same time whichever fits. */
export function holderOf(given: string, tokens: readonly Token[]): Token | undefined {
  const digest = Buffer.from(hashToken(given));
  return tokens.filter(({ hash: kept }) => {
    const other = Buffer.from(kept);
    return other.length === digest.length && timingSafeEqual(other, digest);
  })[0];
}
