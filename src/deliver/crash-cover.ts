import type { Mirror } from './mirror.ts';
import { later } from './transport.ts';

const everyMs = 100;

/** Keeps one deferred request armed with the tail, for the crash that leaves no time for a beacon. */
export class CrashCover {
  readonly #mirror: Mirror;
  readonly #url: string;
  #armed = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(mirror: Mirror, url: string) {
    this.#mirror = mirror;
    this.#url = url;
  }

  /** Call when the tail has changed. */
  renew(): void {
    this.#timer ??= setTimeout(() => {
      this.disarm();
      for (const { body } of this.#mirror.unsealed()) later(this.#url, body, this.#armed.signal);
    }, everyMs);
  }

  disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armed.abort();
    this.#armed = new AbortController();
  }
}
