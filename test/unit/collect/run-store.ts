import { vi } from 'vitest';
import { store } from '../../../src/cli/store.ts';

/** Runs the command and gives its exit status and what it printed. */
export async function runStore(...argv: string[]) {
  let stdout = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  try {
    const status = await store(argv);
    return { status, stdout };
  } finally {
    write.mockRestore();
  }
}
