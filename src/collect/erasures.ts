import { hash } from 'node:crypto';
import type { Entry, ErasedEntry, ErasureEntry, ForeignEntry, HoldEntry } from './line.ts';

/** What a session is called once it is to be forgotten: SHA-256 of its id, in hex. An id has 128 random bits. */
export const subjectOf = (session: string): string => hash('sha256', session);

/** What a foreign record could be asked to be forgotten by: the digest of each text in it, for any may be a session's id. */
export const subjectsIn = ({ resource, attributes }: Pick<ForeignEntry, 'resource' | 'attributes'>) =>
  [...Object.values(resource), ...Object.values(attributes)].flatMap((value) =>
    typeof value === 'string' ? [subjectOf(value)] : [],
  );

/** Which sessions are to be erased, and which times are held for an inquiry: the log's own notices say so. */
export class Erasures {
  readonly #asked = new Map<string, ErasureEntry>();
  readonly #done = new Map<string, ErasedEntry>();
  readonly #holds = new Map<string, HoldEntry>();

  /** Entries of other kinds say nothing of it. */
  see(entry: Entry): void {
    switch (entry.kind) {
      case 'erasure':
        this.#asked.set(entry.subject, entry);
        break;
      case 'erased':
        this.#done.set(entry.subject, entry);
        break;
      case 'hold':
        this.#holds.set(entry.id, entry);
        break;
      case 'release':
        this.#holds.delete(entry.id);
    }
  }

  /** The notices that this was learnt from. */
  get notices(): readonly Entry[] {
    return [...this.#asked.values(), ...this.#done.values(), ...this.#holds.values()];
  }

  get holds(): readonly HoldEntry[] {
    return [...this.#holds.values()];
  }

  has(subject: string): boolean {
    return this.#asked.has(subject);
  }

  /** Cheap where nothing was ever erased. */
  hasSession(session: string): boolean {
    return this.#asked.size > 0 && this.has(subjectOf(session));
  }

  /** The hold that keeps what was received then. */
  heldBy(receivedAt: number): HoldEntry | undefined {
    return this.holds.find(({ from, to }) => from <= receivedAt && receivedAt <= to);
  }

  /** Whether a hold keeps anything received between these times, both included. */
  isHeld(first: number, last: number): boolean {
    return this.holds.some(({ from, to }) => from <= last && first <= to);
  }

  /** Every session that is to be erased. */
  get subjects(): readonly string[] {
    return [...this.#asked.keys()];
  }

  /** Those of which nothing stands in the log any more. */
  get finished(): readonly string[] {
    const unfinished = new Set(this.unfinished);
    return this.subjects.filter((subject) => !unfinished.has(subject));
  }

  /** Sessions of which something may still stand in the log. */
  get unfinished(): readonly string[] {
    return [...this.#asked.keys()].filter((subject) => this.#done.get(subject)?.waiting !== 0);
  }

  /** Records that the last sweep left standing under a hold. */
  get waiting(): number {
    return [...this.#done.values()].reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** What the last sweep for a session left; absent before its first. */
  told(subject: string): ErasedEntry | undefined {
    return this.#done.get(subject);
  }
}
