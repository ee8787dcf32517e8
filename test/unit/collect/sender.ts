import { makeChunk, newSession } from './chunk.ts';

export const perChunk = 10;

/** Sends chunk after chunk until the collector is gone; keeps what has no answer for the next round. */
export class Sender {
  readonly acknowledged = new Set<string>();
  /** Chunks answered since this was last set to 0. */
  sentInFull = 0;
  readonly #session = newSession();
  #next = 0;
  #pending: { records: readonly { recordId: string }[]; body: string } | undefined;

  async run(child: { readonly address: string }, gone: () => boolean): Promise<void> {
    while (!gone()) {
      this.#pending ??= makeChunk(this.#session, this.#next, perChunk);
      const { records, body } = this.#pending;
      try {
        const answer = await fetch(`${child.address}/v1/logs`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
        if (answer.status !== 200) continue;
        await answer.arrayBuffer();
      } catch {
        return;
      }
      for (const { recordId } of records) this.acknowledged.add(recordId);
      this.#next += perChunk;
      this.sentInFull += 1;
      this.#pending = undefined;
    }
  }
}

export const acknowledgedBy = (senders: readonly Sender[]): string[] =>
  senders.flatMap((sender) => [...sender.acknowledged]);
