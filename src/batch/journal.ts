import type { Frame, Log } from '../protocol/frame.ts';
import type { Signal } from '../protocol/telemetry.ts';
import type { Ranges } from '../shared/control.ts';
import { databases } from '../shared/storage.ts';
import { type EpochMilliseconds, epochMilliseconds } from '../shared/units.ts';
import { lifeKey } from './life.ts';
import type { Life } from './messages.ts';
import { rangesOf } from './ranges.ts';

type LifeId = [session: string, epoch: number, signal: Signal];

/** As the stores hold them, under [session, epoch, signal, number]; `holds` has one number, under `until`. */
type Key = [...LifeId, number: number];
type StoredLog = Omit<Log, 'seq'>;
interface StoredFrame {
  readonly frame: Frame;
  /** When a record was last written in it, epoch ms. */
  readonly at: number;
}

/** Records or measurements of one life, and the frames they stand in. */
export interface Part {
  readonly life: Life;
  readonly logs: readonly Log[];
  readonly frames: ReadonlyMap<number, Frame>;
}

/** Records on disk, by their numbers, from the moment they are made until an answer covers them. */
export interface Journal {
  /**
   * All of it or nothing. Hands its requests over before it returns if the database is open, so a worker that blocks
   * next loses nothing.
   */
  put(parts: readonly Part[]): Promise<void>;
  remove(life: Life, ranges: Ranges): Promise<void>;
  /** What each life has left, oldest first. */
  lives(): Promise<readonly { readonly life: Life; readonly ranges: Ranges }[]>;
  read(life: Life): Promise<{ readonly logs: readonly Log[]; readonly frames: ReadonlyMap<number, Frame> }>;
  /** Forgets a life that has nothing left. */
  forget(life: Life): Promise<void>;
  hold(until?: EpochMilliseconds): Promise<EpochMilliseconds>;
  /** Deletes the database: every life's records, and the other tabs' too. */
  erase(): Promise<void>;
  close(): void;
}

/** Raised when keys change; a journal of another version is begun anew. */
const version = 2;
const lastKey = Number.MAX_SAFE_INTEGER;

const idOf = ({ session, epoch, signal }: Life): LifeId => [session, epoch, signal];

const within = (life: Life, first: number, last: number): IDBKeyRange =>
  IDBKeyRange.bound([...idOf(life), first], [...idOf(life), last]);

const allOf = (life: Life): IDBKeyRange => within(life, 0, lastKey);

/** By hand: of the 15 KiB that telemetry may take in a worker, idb would take one. */
const answered = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

type Store = 'logs' | 'frames' | 'holds';

/** One transaction over no more stores than it needs: others wait for it. A request that fails in it fails all of it. */
function transact<Name extends Store>(database: IDBDatabase, mode: IDBTransactionMode, ...names: Name[]) {
  const transaction = database.transaction(names, mode, { durability: 'relaxed' });
  const stores = names.map((name) => [name, transaction.objectStore(name)] as const);
  return {
    ...(Object.fromEntries(stores) as Record<Name, IDBObjectStore>),
    /** Nothing more comes. */
    done: () =>
      new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
        transaction.commit();
      }),
  };
}

const keysIn = async (store: IDBObjectStore, range?: IDBKeyRange): Promise<Key[]> =>
  (await answered(store.getAllKeys(range))) as unknown as Key[];
const valuesIn = <T>(store: IDBObjectStore, range?: IDBKeyRange): Promise<T[]> =>
  answered<T[]>(store.getAll(range));

/** A journal in IndexedDB. Every method rejects while storage is blocked or full. */
export function openJournal(): Journal {
  let opening: Promise<IDBDatabase> | undefined;
  let ready: IDBDatabase | undefined;

  /** Nothing that is still under way may open it again. */
  let ended = false;

  const release = (): void => {
    ready?.close();
    ready = undefined;
    opening = undefined;
  };

  const open = async (): Promise<IDBDatabase> => {
    const request = indexedDB.open(databases.journal, version);
    request.onupgradeneeded = () => {
      const { result: fresh } = request;
      for (const old of [...fresh.objectStoreNames]) fresh.deleteObjectStore(old);
      for (const store of ['logs', 'frames', 'holds'] satisfies Store[]) fresh.createObjectStore(store);
    };
    const opened = await answered(request);
    // Another tab erases: let it, and open anew at the next record.
    opened.onversionchange = release;
    opened.onclose = release;
    if (ended) opened.close();
    else ready = opened;
    return opened;
  };

  const database = (): Promise<IDBDatabase> => {
    if (ended) return Promise.reject(new DOMException('Closed.', 'InvalidStateError'));
    opening ??= open();
    return opening;
  };

  return {
    async put(parts) {
      const stores = transact(ready ?? (await database()), 'readwrite', 'logs', 'frames');
      const at = Date.now();
      for (const { life, logs, frames } of parts) {
        for (const [id, frame] of frames)
          stores.frames.put({ frame, at } satisfies StoredFrame, [...idOf(life), id]);
        for (const { seq, ...log } of logs) stores.logs.put(log satisfies StoredLog, [...idOf(life), seq]);
      }
      await stores.done();
    },

    async remove(life, ranges) {
      const { logs, done } = transact(await database(), 'readwrite', 'logs');
      for (const [first, last] of ranges) logs.delete(within(life, first, last));
      await done();
    },

    async lives() {
      const { logs, frames } = transact(await database(), 'readonly', 'logs', 'frames');
      const [keys, frameKeys, stored] = await Promise.all([
        keysIn(logs),
        keysIn(frames),
        valuesIn<StoredFrame>(frames),
      ]);
      const found = new Map<string, { life: Life; numbers: number[]; at: number }>();
      for (const [session, epoch, signal, seq] of keys) {
        const life = { session, epoch, signal };
        const entry = found.get(lifeKey(life)) ?? { life, numbers: [], at: 0 };
        entry.numbers.push(seq);
        found.set(lifeKey(life), entry);
      }
      for (const [index, [session, epoch, signal]] of frameKeys.entries()) {
        const entry = found.get(lifeKey({ session, epoch, signal }));
        if (entry !== undefined) entry.at = Math.max(entry.at, stored[index]?.at ?? 0);
      }
      return [...found.values()]
        .sort((a, b) => a.at - b.at)
        .map(({ life, numbers }) => ({ life, ranges: rangesOf(numbers) }));
    },

    async read(life) {
      const { logs, frames } = transact(await database(), 'readonly', 'logs', 'frames');
      const range = allOf(life);
      const [seqs, texts, ids, framed] = await Promise.all([
        keysIn(logs, range),
        valuesIn<StoredLog>(logs, range),
        keysIn(frames, range),
        valuesIn<StoredFrame>(frames, range),
      ]);
      return {
        logs: texts.map((log, index) => ({ seq: seqs[index]?.[3] ?? 0, ...log })),
        frames: new Map(framed.map(({ frame }, index) => [ids[index]?.[3] ?? 0, frame])),
      };
    },

    async forget(life) {
      const { logs, frames, done } = transact(await database(), 'readwrite', 'logs', 'frames');
      if ((await answered(logs.count(allOf(life)))) === 0) frames.delete(allOf(life));
      await done();
    },

    async hold(until) {
      const mode = until === undefined ? 'readonly' : 'readwrite';
      const { holds, done } = transact(await database(), mode, 'holds');
      if (until === undefined) {
        const held = await answered<EpochMilliseconds | undefined>(holds.get('until'));
        return held ?? epochMilliseconds(0);
      }
      holds.put(until, 'until');
      await done();
      return until;
    },

    async erase() {
      ended = true;
      release();
      await answered(indexedDB.deleteDatabase(databases.journal));
    },

    close() {
      ended = true;
      release();
    },
  };
}
