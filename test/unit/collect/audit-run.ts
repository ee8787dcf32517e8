import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { vi } from 'vitest';
import { audit } from '../../../src/cli/audit.ts';

/** Runs the command and gives its exit status and what it printed. */
export async function runAudit(...argv: string[]) {
  let stdout = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  const errors = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    const status = await audit(argv);
    return { status, stdout };
  } finally {
    write.mockRestore();
    errors.mockRestore();
  }
}

/** Writes every segment of a folder anew, as somebody with the run of it could. */
export async function editLines(folder: string, edit: (lines: string[]) => readonly string[]): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith('segment-')) continue;
    const path = join(folder, name);
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    await writeFile(path, `${edit(lines).join('\n')}\n`);
  }
}
