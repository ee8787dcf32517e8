import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { type Sha256Hex, toHex } from '../shared/digest.ts';
import { randomHex } from '../shared/id.ts';
import { databases } from '../shared/storage.ts';
import { type EpochMilliseconds, epochMilliseconds } from '../shared/units.ts';
import type { KeyedDigests } from './request.ts';

interface StoredKey {
  readonly id: string;
  /** HMAC-SHA-256, not extractable: no script can read its bits, only use it here. */
  readonly key: CryptoKey;
  readonly createdAt: EpochMilliseconds;
}

interface KeyDatabase extends DBSchema {
  keys: { key: string; value: StoredKey };
}

/** 30 days. A former key is deleted, so that digests of different months cannot be joined. */
const lifetime = 30 * 24 * 3600 * 1000;

/**
 * HMAC-SHA-256 of texts under this install's key of the month. A bare hash would let anyone confirm a
 * guessed text; this one says only "the same text, on the same install, in the same month".
 * Call it only after consent: it stores the key. Whole here; the mask lets out its first 128 bits.
 * @returns undefined where storage is blocked
 */
export async function keyedDigests(
  texts: readonly string[],
  now: EpochMilliseconds,
): Promise<KeyedDigests | undefined> {
  try {
    const { id, key } = await currentKey(now);
    const digests = texts.map(async (text) => {
      const signature = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text));
      return toHex(new Uint8Array(signature)) as Sha256Hex;
    });
    return { digests: await Promise.all(digests), keyId: id };
  } catch {
    return undefined;
  }
}

/** Consent was withdrawn: nothing that could tie records to this install stays. */
export async function forgetInputKeys(): Promise<void> {
  try {
    const db = await open();
    await db.clear('keys');
    db.close();
  } catch {
    // Blocked storage held no key.
  }
}

const open = (): Promise<IDBPDatabase<KeyDatabase>> =>
  openDB<KeyDatabase>(databases.inputKeys, 1, {
    upgrade: (db) => void db.createObjectStore('keys', { keyPath: 'id' }),
  });

async function currentKey(now: EpochMilliseconds): Promise<StoredKey> {
  const db = await open();
  try {
    const known = (await db.getAll('keys')).find(({ createdAt }) => now - createdAt < lifetime);
    if (known !== undefined) return known;
    const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const made: StoredKey = { id: randomHex(8), key, createdAt: epochMilliseconds(now) };
    const change = db.transaction('keys', 'readwrite');
    await change.store.clear();
    await change.store.put(made);
    await change.done;
    return made;
  } finally {
    db.close();
  }
}
