import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadHead } from '../collect/folder.ts';
import { type Head, readHead } from '../collect/head.ts';
import { readPublicKey } from '../collect/keys.ts';
import { walkLog } from '../collect/walk.ts';
import { SondeError } from '../shared/errors.ts';
import { readArguments } from './arguments.ts';

const help = `sonde audit verify [--head FILE]   checks every record against the hash chain, and the log against a
                                   signed head; exit status 1 if anything differs
sonde audit export                 prints the records as NDJSON, in the order they came
sonde audit head                   prints the signed head: keep it where whoever writes the log cannot
sonde audit key                    prints the public key that heads are checked with

  --data DIR    the collector's data folder, default .sonde/data
  --head FILE   a head that audit head printed earlier: with it a log that was cut off or rewritten since
                shows, even if the folder's own keys and heads were replaced
`;

/** @throws SondeError `file_not_found`, or `invalid_argument` when the file holds no head */
async function savedHead(file: string): Promise<Head> {
  if (!existsSync(file))
    throw new SondeError('file_not_found', `There is no file ${file}.`, 'Name a saved head with --head.');
  let head: Head | undefined;
  try {
    head = readHead(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    // Not JSON, so no head either.
  }
  if (head === undefined)
    throw new SondeError(
      'invalid_argument',
      `${file} holds no signed head.`,
      'Name a file with the line that sonde audit head printed.',
    );
  return head;
}

async function verify(folder: string, file: string | undefined): Promise<number> {
  const saved = file === undefined ? undefined : await savedHead(file);
  const { faults, records, chunks, segment, chain, tail } = await walkLog(folder, () => undefined, saved);
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

async function printHead(folder: string): Promise<number> {
  const head = await loadHead(folder);
  if (head === undefined)
    throw new SondeError(
      'file_not_found',
      `There is no signed head in ${folder}.`,
      'A collector writes one within a second of its first record.',
    );
  process.stdout.write(`${JSON.stringify(head)}\n`);
  return 0;
}

async function printKey(folder: string): Promise<number> {
  const key = await readPublicKey(folder);
  if (key === undefined)
    throw new SondeError(
      'file_not_found',
      `There is no public key in ${folder}.`,
      'A collector makes one when it first starts.',
    );
  process.stdout.write(String(key.export({ type: 'spki', format: 'pem' })));
  return 0;
}

/** `sonde audit verify | export | head | key` over a collector's segments; reading needs no lock. */
export async function audit(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    data: { type: 'string', default: join('.sonde', 'data') },
    head: { type: 'string' },
    help: { type: 'boolean', default: false },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const actions = new Map([
    ['verify', (folder: string) => verify(folder, values.head)],
    ['export', print],
    ['head', printHead],
    ['key', printKey],
  ]);
  const [name = '', ...more] = positionals;
  const action = more.length === 0 ? actions.get(name) : undefined;
  if (action === undefined)
    throw new SondeError(
      'invalid_argument',
      'audit needs one action.',
      `Say one of: ${[...actions.keys()].map((known) => `audit ${known}`).join(', ')}.`,
    );
  if (!existsSync(values.data))
    throw new SondeError(
      'file_not_found',
      `There is no folder ${values.data}.`,
      'Name the data folder with --data.',
    );
  return action(values.data);
}
