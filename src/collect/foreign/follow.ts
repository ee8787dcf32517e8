import type { Erasures } from '../erasures.ts';

interface Own {
  readonly erasures: Erasures;
}

interface Other extends Own {
  erase(subject: string, reason: string): Promise<void>;
  hold(id: string, from: number, to: number, reason: string): Promise<void>;
  release(id: string): Promise<void>;
}

/**
 * Makes what the log of Sonde's records has been asked, holds first and then erasures, in that of other SDKs' records. The
 * notices are the journal of it: after a kill between the two logs the next start goes on here, and twice is once.
 */
export async function follow({ erasures }: Own, other: Other): Promise<void> {
  for (const { id, from, to, reason } of erasures.holds) {
    const isThere = other.erasures.holds.some(
      (held) => held.id === id && held.from === from && held.to === to,
    );
    if (!isThere) await other.hold(id, from, to, reason);
  }
  for (const notice of erasures.notices)
    if (notice.kind === 'erasure' && !other.erasures.has(notice.subject))
      await other.erase(notice.subject, notice.reason);
}

/** Before it is released in the log of Sonde's records, which would else ask for it again at the next start. */
export async function releaseThere(other: Other, id: string): Promise<void> {
  if (other.erasures.holds.some((held) => held.id === id)) await other.release(id);
}
