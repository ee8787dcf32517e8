import type { Chunk } from '../batch/messages.ts';
import type { Mirror } from './mirror.ts';
import type { Transport } from './transport.ts';

const everyMs = 100;

/** Keeps one deferred request armed with the tail, for the crash that leaves no time for a beacon. */
export class CrashCover {
  readonly #mirror: Mirror;
  readonly #later: NonNullable<Transport['later']>;
  #armed = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(mirror: Mirror, later: NonNullable<Transport['later']>) {
    this.#mirror = mirror;
    this.#later = later;
  }

  /** Call when the tail has changed. */
  renew(): void {
    this.#timer ??= setTimeout(() => {
      this.disarm();
      for (const chunk of this.#mirror.unsealed()) this.#later(chunk, this.#armed.signal);
    }, everyMs);
  }

  /** A chunk that the browser is to send once the page is gone. @returns whether it will */
  carry(chunk: Chunk): boolean {
    return this.#later(chunk, this.#armed.signal);
  }

  disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armed.abort();
    this.#armed = new AbortController();
  }
}
