import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SondeError } from '../shared/errors.ts';

/** Locks of this very process. */
const ownLocks = new Set<string>();

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * Two writers would fork the chain, so a folder has one. A lock left by a killed process is taken over.
 * @returns how to release it
 * @throws SondeError `storage_blocked`
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'collector.pid');
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      ownLocks.add(path);
      return async () => {
        ownLocks.delete(path);
        await rm(path, { force: true });
      };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    // In a container every run has the same process id: one's own id was left by the run before.
    const held =
      holder === process.pid ? ownLocks.has(path) : Number.isInteger(holder) && holder > 0 && isAlive(holder);
    if (held)
      throw new SondeError(
        'storage_blocked',
        `Another collector (process ${holder}) writes to this data folder.`,
        'Stop it, or name another folder with --data.',
      );
    await rm(path, { force: true });
  }
}
