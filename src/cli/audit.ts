import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { walkLog } from '../collect/walk.ts';
import { SondeError } from '../shared/errors.ts';
import { readArguments } from './arguments.ts';

const help = `sonde audit verify [--data DIR]   checks every record against the hash chain; exit status 1 if any differs
sonde audit export [--data DIR]   prints the records as NDJSON, in the order they came

  --data DIR   the collector's data folder, default .sonde/data
`;

async function verify(folder: string): Promise<number> {
  const { faults, records, chunks, segment, chain, tail } = await walkLog(folder, () => undefined);
  for (const { segment: file, line, what } of faults)
    process.stdout.write(`${file}${line === undefined ? '' : `:${line}`}: ${what}\n`);
  if (tail !== undefined)
    process.stdout.write(
      `${tail.torn} bytes at the end belong to no acknowledged chunk (being written, or a crash)\n`,
    );
  process.stdout.write(
    `${faults.length === 0 ? 'intact' : `${faults.length} fault(s)`}: ${records} records in ${chunks} chunks, ${segment} segments, head ${chain}\n`,
  );
  return faults.length === 0 ? 0 : 1;
}

async function print(folder: string): Promise<number> {
  const { faults } = await walkLog(folder, async (entries) => {
    let text = '';
    for (const entry of entries) if (entry.kind === 'record') text += `${JSON.stringify(entry)}\n`;
    if (!process.stdout.write(text)) await new Promise((drained) => process.stdout.once('drain', drained));
  });
  if (faults.length === 0) return 0;
  process.stderr.write(`sonde: the log has ${faults.length} faults; sonde audit verify says where.\n`);
  return 1;
}

/** `sonde audit verify | export` over a collector's segments; reading needs no lock. */
export async function audit(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    data: { type: 'string', default: join('.sonde', 'data') },
    help: { type: 'boolean', default: false },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const [action] = positionals;
  if (positionals.length !== 1 || (action !== 'verify' && action !== 'export'))
    throw new SondeError(
      'invalid_argument',
      'audit needs one action.',
      'Say `audit verify` or `audit export`.',
    );
  if (!existsSync(values.data))
    throw new SondeError(
      'file_not_found',
      `There is no folder ${values.data}.`,
      'Name the data folder with --data.',
    );
  return action === 'verify' ? verify(values.data) : print(values.data);
}
