import { signalMap } from '../schema/signals.ts';
import { readArguments } from './arguments.ts';
import { table } from './table.ts';

/** Prints the signal map. */
export async function signals(argv: readonly string[]): Promise<number> {
  const { values } = readArguments(argv, { json: { type: 'boolean', default: false } });
  const map = signalMap();
  const rows = map.map(({ name, unit, tier, privacy, stability }) => [
    name,
    unit,
    String(tier),
    privacy,
    stability,
  ]);
  const text = values.json
    ? JSON.stringify(map, null, 2)
    : `${table(['signal', 'unit', 'tier', 'privacy', 'stability'], rows)}\n\n${map.length} signals. Tier \`device\` never leaves it. --json tells what each means.`;
  process.stdout.write(`${text}\n`);
  return 0;
}
