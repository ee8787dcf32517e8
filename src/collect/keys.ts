import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SondeError } from '../shared/errors.ts';
import { syncFolder } from './folder.ts';

/** `signing.key` (PKCS#8) signs heads; `signing.pub` (SubjectPublicKeyInfo) is all that checking them needs. */
const privatePath = (folder: string): string => join(folder, 'signing.key');
const publicPath = (folder: string): string => join(folder, 'signing.pub');

async function readPem<T>(path: string, parse: (pem: string) => T): Promise<T | undefined> {
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return parse(pem);
  } catch (cause) {
    throw new SondeError('storage_blocked', `${path} is no key.`, 'Restore it from a backup.', { cause });
  }
}

/** Whole or not at all, and on disk before anything is signed with it. */
async function writePem(path: string, pem: string, mode: number): Promise<void> {
  const draft = `${path}.new`;
  // A draft left by a crash keeps the mode it had; a new file is made with this one.
  await rm(draft, { force: true });
  const file = await open(draft, 'wx', mode);
  try {
    await file.writeFile(pem);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

/** The key that heads of this log are checked with; absent before the log's first start. */
export const readPublicKey = (folder: string): Promise<KeyObject | undefined> =>
  readPem(publicPath(folder), createPublicKey);

/**
 * The key that this log's heads are signed with, made at the first start.
 * @throws SondeError `storage_blocked` when only its public half is there: a new key would disown the old heads
 */
export async function openSigningKey(folder: string): Promise<KeyObject> {
  const publicKey = await readPublicKey(folder);
  let privateKey = await readPem(privatePath(folder), createPrivateKey);
  if (privateKey === undefined) {
    if (publicKey !== undefined)
      throw new SondeError(
        'storage_blocked',
        `The private key of this log, ${privatePath(folder)}, is missing.`,
        'Restore it from a backup, or begin a new log in another folder with --data.',
      );
    ({ privateKey } = generateKeyPairSync('ed25519'));
    await writePem(privatePath(folder), String(privateKey.export({ type: 'pkcs8', format: 'pem' })), 0o600);
  }
  const own = createPublicKey(privateKey);
  if (publicKey === undefined) {
    await writePem(publicPath(folder), String(own.export({ type: 'spki', format: 'pem' })), 0o644);
    await syncFolder(folder);
  } else if (!own.equals(publicKey))
    throw new SondeError(
      'storage_blocked',
      `signing.key and signing.pub in ${folder} are not one pair.`,
      'Restore the missing half from a backup.',
    );
  return privateKey;
}
