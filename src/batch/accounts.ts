import type { Ledger, Signal } from '../protocol/telemetry.ts';
import { accountOf, type Book, type Entry, emptyBook, enter } from './book.ts';
import { lifeKey } from './life.ts';
import type { Life } from './messages.ts';

/** A book for each signal, and word of them to whoever asked, once for all entries of a task. */
export class Accounts {
  readonly #tell: (ledger: Ledger) => void;
  readonly #books: Record<Signal, Book> = { logs: emptyBook, metrics: emptyBook };
  #telling = false;

  constructor(tell: (ledger: Ledger) => void) {
    this.#tell = tell;
  }

  get ledger(): Ledger {
    const { logs, metrics } = this.#books;
    return { ...accountOf(logs), metrics: accountOf(metrics) };
  }

  /** Whether anything of this life is pending. */
  owes(life: Life): boolean {
    return this.#books[life.signal].pending.has(lifeKey(life));
  }

  enter(signal: Signal, entry: Entry): void {
    this.#books[signal] = enter(this.#books[signal], entry);
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.#tell(this.ledger);
    });
  }
}
