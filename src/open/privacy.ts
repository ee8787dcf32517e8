import { type Sha256Hex, sha256 } from '../shared/digest.ts';
import { databases, modelCache } from '../shared/storage.ts';
import { type Bytes, bytes } from '../shared/units.ts';

/** One place of this origin's storage that Sonde wrote to. */
export interface StoredItem {
  readonly kind: 'database' | 'cache';
  readonly name: string;
  /** Records, keys, calibrations or files. */
  readonly entries: number;
}

/** What left this page under one session. */
export interface SentSession {
  /** SHA-256 of the session's id: what a collector is asked for erasure with. */
  readonly digest: Sha256Hex;
  readonly records: number;
  /** Bodies as they left; one that was sent twice counts twice. */
  readonly size: Bytes;
}

export type Sent = ReadonlyMap<string, { readonly records: number; readonly size: number }>;

/** @returns undefined where there is no such database: looking makes none */
function entriesOf(name: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = indexedDB.open(name);
    request.onupgradeneeded = () => request.transaction?.abort();
    request.onerror = () => resolve(undefined);
    request.onsuccess = () => {
      const db = request.result;
      const stores = [...db.objectStoreNames];
      if (stores.length === 0) {
        db.close();
        resolve(0);
        return;
      }
      const reading = db.transaction(stores);
      const counts = stores.map((store) => reading.objectStore(store).count());
      reading.oncomplete = () => {
        db.close();
        resolve(counts.reduce((sum, { result }) => sum + result, 0));
      };
    };
  });
}

export async function listStored(): Promise<readonly StoredItem[]> {
  const found: StoredItem[] = [];
  for (const name of Object.values(databases)) {
    const entries = await entriesOf(name);
    if (entries !== undefined) found.push({ kind: 'database', name, entries });
  }
  // Pages without TLS have no caches.
  if (await globalThis.caches?.has(modelCache)) {
    const files = await (await caches.open(modelCache)).keys();
    found.push({ kind: 'cache', name: modelCache, entries: files.length });
  }
  return found;
}

export const sentSessions = (sent: Sent): Promise<readonly SentSession[]> =>
  Promise.all(
    [...sent].map(async ([session, { records, size }]) => ({
      digest: await sha256(new TextEncoder().encode(session)),
      records,
      size: bytes(size),
    })),
  );

/** Waits for other tabs to let go. */
const deleteDatabase = (name: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });

export async function deleteStored(): Promise<void> {
  await Promise.all([...Object.values(databases).map(deleteDatabase), globalThis.caches?.delete(modelCache)]);
}
