import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from 'idb';
import type { Frame, Log } from '../protocol/frame.ts';
import type { Signal } from '../protocol/telemetry.ts';
import type { Ranges } from '../shared/control.ts';
import { databases } from '../shared/storage.ts';
import { type EpochMilliseconds, epochMilliseconds } from '../shared/units.ts';
import { lifeKey } from './life.ts';
import type { Life } from './messages.ts';
import { rangesOf } from './ranges.ts';

type LifeId = [session: string, epoch: number, signal: Signal];

interface Schema extends DBSchema {
  logs: { key: [...LifeId, seq: number]; value: Omit<Log, 'seq'> };
  /** `at`: when a record was last written in it, epoch ms. */
  frames: { key: [...LifeId, id: number]; value: { readonly frame: Frame; readonly at: number } };
  holds: { key: 'until'; value: EpochMilliseconds };
}

/** Records on disk, by their numbers, from the moment they are made until an answer covers them. */
export interface Journal {
  /** Before it is, and while storage is blocked, what is put waits in memory. */
  readonly isOpen: boolean;
  /** Hands its requests over before it returns if the database is open, so a worker that blocks next loses nothing. */
  put(life: Life, logs: readonly Log[], frames: ReadonlyMap<number, Frame>): Promise<void>;
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

/** A journal in IndexedDB. Every method rejects while storage is blocked or full. */
export function openJournal(): Journal {
  let opening: Promise<IDBPDatabase<Schema>> | undefined;
  let ready: IDBPDatabase<Schema> | undefined;

  /** Nothing that is still under way may open it again. */
  let ended = false;

  const release = (): void => {
    ready?.close();
    ready = undefined;
    opening = undefined;
  };

  const database = (): Promise<IDBPDatabase<Schema>> => {
    if (ended) return Promise.reject(new DOMException('Closed.', 'InvalidStateError'));
    opening ??= openDB<Schema>(databases.journal, version, {
      upgrade(fresh) {
        for (const old of [...fresh.objectStoreNames]) fresh.deleteObjectStore(old);
        fresh.createObjectStore('logs');
        fresh.createObjectStore('frames');
        fresh.createObjectStore('holds');
      },
      // Another tab erases: let it, and open anew at the next record.
      blocking: release,
      terminated: release,
    }).then((opened) => {
      if (ended) opened.close();
      else ready = opened;
      return opened;
    });
    return opening;
  };

  return {
    get isOpen() {
      return ready !== undefined;
    },

    async put(life, logs, frames) {
      const db = ready ?? (await database());
      const transaction = db.transaction(['logs', 'frames'], 'readwrite', { durability: 'relaxed' });
      const requests = [
        ...[...frames].map(([id, frame]) =>
          transaction.objectStore('frames').put({ frame, at: Date.now() }, [...idOf(life), id]),
        ),
        ...logs.map(({ seq, ...log }) => transaction.objectStore('logs').put(log, [...idOf(life), seq])),
      ];
      transaction.commit();
      await Promise.all([...requests, transaction.done]);
    },

    async remove(life, ranges) {
      const transaction = (await database()).transaction('logs', 'readwrite');
      const requests = ranges.map(([first, last]) => transaction.store.delete(within(life, first, last)));
      await Promise.all([...requests, transaction.done]);
    },

    async lives() {
      const transaction = (await database()).transaction(['logs', 'frames'], 'readonly');
      const [keys, frameKeys, frames] = await Promise.all([
        transaction.objectStore('logs').getAllKeys(),
        transaction.objectStore('frames').getAllKeys(),
        transaction.objectStore('frames').getAll(),
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
        if (entry !== undefined) entry.at = Math.max(entry.at, frames[index]?.at ?? 0);
      }
      return [...found.values()]
        .sort((a, b) => a.at - b.at)
        .map(({ life, numbers }) => ({ life, ranges: rangesOf(numbers) }));
    },

    async read(life) {
      const transaction = (await database()).transaction(['logs', 'frames'], 'readonly');
      const [keys, values, ids, frames] = await Promise.all([
        transaction.objectStore('logs').getAllKeys(allOf(life)),
        transaction.objectStore('logs').getAll(allOf(life)),
        transaction.objectStore('frames').getAllKeys(allOf(life)),
        transaction.objectStore('frames').getAll(allOf(life)),
      ]);
      return {
        logs: values.flatMap((log, index) => {
          const key = keys[index];
          return key === undefined ? [] : [{ seq: key[3], ...log }];
        }),
        frames: new Map(
          frames.flatMap((frame, index) => {
            const key = ids[index];
            return key === undefined ? [] : [[key[3], frame.frame] as const];
          }),
        ),
      };
    },

    async forget(life) {
      const db = await database();
      if ((await db.count('logs', allOf(life))) === 0) await db.delete('frames', allOf(life));
    },

    async hold(until) {
      const db = await database();
      if (until === undefined) return (await db.get('holds', 'until')) ?? epochMilliseconds(0);
      await db.put('holds', until, 'until');
      return until;
    },

    async erase() {
      ended = true;
      release();
      await deleteDB(databases.journal);
    },

    close() {
      ended = true;
      release();
    },
  };
}
