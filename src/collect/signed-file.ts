import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { replaceFile } from './folder.ts';

/** `purpose` keeps a signature on one kind of file from being taken for one on another. */
const signedBytes = (purpose: string, json: string): Buffer =>
  Buffer.concat([Buffer.from(`sonde ${purpose} 1\n`), createHash('sha256').update(json).digest()]);

/** JSON under its Ed25519 signature, which is the first line. */
export async function saveSigned(
  path: string,
  purpose: string,
  value: object,
  key: KeyObject,
): Promise<void> {
  const json = JSON.stringify(value);
  await replaceFile(path, `${sign(null, signedBytes(purpose, json), key).toString('base64')}\n${json}`);
}

/** What `saveSigned` wrote; absent where there is no file, or none that this key signed. */
export async function loadSigned(path: string, purpose: string, key: KeyObject): Promise<unknown> {
  try {
    const text = await readFile(path, 'utf8');
    const cut = text.indexOf('\n');
    const json = text.slice(cut + 1);
    const signature = Buffer.from(text.slice(0, cut), 'base64');
    return verify(null, signedBytes(purpose, json), key, signature) ? JSON.parse(json) : undefined;
  } catch {
    return undefined;
  }
}
