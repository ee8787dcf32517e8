import type { ServerResponse } from 'node:http';

/** Who reads more slowly than this lets go of what comes meanwhile. */
const mostBuffered = 1024 * 1024;
const mostListeners = 16;

/** Records as they are stored, as server-sent events. Nobody who listens can slow the storing. */
export class Tail {
  readonly #listeners = new Set<ServerResponse>();

  /** @returns false where there are too many already */
  add(response: ServerResponse): boolean {
    if (this.#listeners.size >= mostListeners) return false;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': listening\n\n');
    this.#listeners.add(response);
    response.on('close', () => this.#listeners.delete(response));
    return true;
  }

  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  /** @param json entries of the log, on one line each */
  send(json: readonly string[]): void {
    const text = json.map((each) => `data: ${each}\n\n`).join('');
    for (const response of this.#listeners) if (response.writableLength < mostBuffered) response.write(text);
  }

  close(): void {
    for (const response of this.#listeners) response.end();
  }
}
