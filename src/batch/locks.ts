import { pageKey } from './life.ts';
import type { PageLife } from './messages.ts';

/**
 * Web Locks end with the worker that holds them, however it ended: a life whose lock nobody holds is over.
 * They are missing outside secure contexts; then every life counts as over and the collector sorts out
 * what came twice.
 */
const locks = (): LockManager | undefined => (navigator as { locks?: LockManager }).locks;

const lifeLock = (life: PageLife): string => `sonde:life:${pageKey(life)}`;

/** Runs `whileHeld` once no other worker of this origin holds the lock, until `signal` aborts. */
export async function withLock(
  name: string,
  signal: AbortSignal,
  whileHeld: () => Promise<void>,
): Promise<void> {
  const manager = locks();
  if (manager === undefined) return whileHeld();
  try {
    await manager.request(name, { signal }, whileHeld);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

export const liveUntil = (signal: AbortSignal, life: PageLife): Promise<void> =>
  withLock(lifeLock(life), signal, () => aborted(signal));

export async function isLive(): Promise<(life: PageLife) => boolean> {
  const held = (await locks()?.query())?.held ?? [];
  const names = new Set(held.map((lock) => lock.name));
  return (life) => names.has(lifeLock(life));
}
