import { vi } from 'vitest';
import { main } from '../../../src/cli/main.ts';

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process and collects what it wrote. */
export async function sonde(...argv: string[]): Promise<Ran> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((chunk) => {
      written[stream] += chunk;
      return true;
    }),
  );
  try {
    return { status: await main(argv), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
