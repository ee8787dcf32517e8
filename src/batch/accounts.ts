import type { Ledger } from '../protocol/telemetry.ts';
import { type Book, type Entry, emptyBook, enter, ledgerOf } from './book.ts';
import { lifeKey } from './life.ts';
import type { Life } from './messages.ts';

/** The book, and word of it to whoever asked, once for all entries of a task. */
export class Accounts {
  readonly #tell: (ledger: Ledger) => void;
  #book: Book = emptyBook;
  #telling = false;

  constructor(tell: (ledger: Ledger) => void) {
    this.#tell = tell;
  }

  get ledger(): Ledger {
    return ledgerOf(this.#book);
  }

  /** Whether anything of this life is pending. */
  owes(life: Life): boolean {
    return this.#book.pending.has(lifeKey(life));
  }

  enter(entry: Entry): void {
    this.#book = enter(this.#book, entry);
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.#tell(this.ledger);
    });
  }
}
