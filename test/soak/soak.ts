import { soakCold } from './cold.ts';
import { soakFaults } from './faults.ts';
import { soakLeaks } from './leaks.ts';

/** Parts by name; each takes the rest of the command line and prints what it saw. */
const parts: Readonly<Record<string, (argv: readonly string[]) => Promise<void>>> = {
  leaks: soakLeaks,
  cold: soakCold,
  faults: soakFaults,
};

/** `npm run soak`: every part; `npm run soak -- leaks 50`: that part, so many cycles. */
export async function soak([part, ...argv]: readonly string[]): Promise<void> {
  const chosen = part === undefined ? Object.values(parts) : [parts[part]];
  for (const run of chosen) {
    if (run === undefined) throw new Error(`There is no part ${part}; there are: ${Object.keys(parts)}.`);
    await run(argv);
  }
}
