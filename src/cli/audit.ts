import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { subjectOf } from '../collect/erasures.ts';
import { loadHead } from '../collect/folder.ts';
import { foreignFolder } from '../collect/foreign/folder.ts';
import { follow, releaseThere } from '../collect/foreign/follow.ts';
import { type Head, readHead } from '../collect/head.ts';
import { readPublicKey } from '../collect/keys.ts';
import { isRecordKind } from '../collect/line.ts';
import { SegmentLog } from '../collect/log.ts';
import { openCold } from '../collect/retire/cold.ts';
import { unerased } from '../collect/retire/erase.ts';
import { fetchAlone } from '../collect/retire/fetch.ts';
import type { RetiredSegment } from '../collect/retire/retired.ts';
import { walkLog } from '../collect/walk.ts';
import { SondeError } from '../shared/errors.ts';
import { readArguments, wordOf } from './arguments.ts';

const help = `sonde audit verify [--head FILE]   checks every record against the hash chain, and the log against a
                                   signed head; exit status 1 if anything differs
sonde audit export                 prints the records as NDJSON, in the order they came
sonde audit head                   prints the signed head: keep it where whoever writes the log cannot
sonde audit key                    prints the public key that heads are checked with
sonde audit erase --session ID     puts tombstones over the records of a page life (or --digest HEX, the SHA-256 of
                                   its id); their hashes stay, so the log still verifies. What comes of it later is
                                   not taken. Records under a hold are erased when it is released
sonde audit hold --id ID --from TIME --to TIME   keeps what was received then from being erased
sonde audit release --id ID        ends a hold, and makes the erasures that waited for it

  --reason WORD for erase and hold: letters, digits, dots and dashes; it stands in the log
  --data DIR    the collector's data folder, default .sonde/data
  --head FILE   a head that audit head printed earlier: with it a log that was cut off or rewritten since
                shows, even if the folder's own keys and heads were replaced
  --cold PLACE  for a head that was signed within a retired segment: where that is (--cold-endpoint URL as in store)
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

interface Against {
  readonly head?: string | undefined;
  readonly cold?: string | undefined;
  readonly 'cold-endpoint'?: string | undefined;
}

async function verify(folder: string, against: Against): Promise<number> {
  const { head: file, cold, 'cold-endpoint': endpoint } = against;
  const saved = file === undefined ? undefined : await savedHead(file);
  const fetchRetired =
    cold === undefined
      ? undefined
      : async (segment: RetiredSegment) => fetchAlone(folder, await openCold(cold, endpoint), segment);
  const walk = await walkLog(folder, () => undefined, { saved, fetchRetired });
  const { faults, records, chunks, segment, chain, tail, erased, erasures, retired } = walk;
  for (const { segment: file, line, what } of faults)
    process.stdout.write(`${file}${line === undefined ? '' : `:${line}`}: ${what}\n`);
  if (tail !== undefined)
    process.stdout.write(
      `${tail.torn} bytes at the end belong to no acknowledged chunk (being written, or a crash)\n`,
    );
  if (erased > 0) process.stdout.write(`${erased} of the records are erased; their hashes are left\n`);
  if (erasures.waiting > 0)
    process.stdout.write(`${erasures.waiting} records wait for their erasure: a hold is over them\n`);
  else if (erasures.unfinished.length > 0)
    process.stdout.write(
      `${erasures.unfinished.length} sessions wait for their erasure: the collector makes it when it starts\n`,
    );
  for (const { id, from, to, reason } of erasures.holds)
    process.stdout.write(
      `hold ${id} (${reason}): ${new Date(from).toISOString()} to ${new Date(to).toISOString()}\n`,
    );
  if (retired !== undefined) {
    const { place } = retired.base;
    process.stdout.write(
      `the log begins here at segment ${place.segment}; the ${place.records} records before it are in cold storage, up to chain ${place.chain}\n`,
    );
    const waiting = unerased(retired, erasures).length;
    if (waiting > 0) process.stdout.write(`${waiting} sessions wait for their erasure in cold storage\n`);
  }
  process.stdout.write(
    `${faults.length === 0 ? 'intact' : `${faults.length} fault(s)`}: ${records} records in ${chunks} chunks, ${segment} segments, head ${chain}\n`,
  );
  return faults.length === 0 ? 0 : 1;
}

async function print(folder: string): Promise<number> {
  const { faults } = await walkLog(folder, async (entries) => {
    let text = '';
    for (const entry of entries) if (isRecordKind(entry.kind)) text += `${JSON.stringify(entry)}\n`;
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

interface Change {
  readonly session?: string | undefined;
  readonly digest?: string | undefined;
  readonly id?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly reason: string;
}

const wrong = (message: string, remedy: string) => new SondeError('invalid_argument', message, remedy);

function time(option: string, text: string | undefined): number {
  const at = Date.parse(text ?? '');
  if (Number.isFinite(at)) return at;
  throw wrong(`--${option} needs a time.`, 'Write it as 2026-11-23T15:00:00Z.');
}

/** A log that no collector has open. @throws SondeError `storage_blocked` when one has */
async function withLog(folder: string, work: (log: SegmentLog) => Promise<void>): Promise<void> {
  const { log } = await SegmentLog.open(folder, () => undefined);
  try {
    await work(log);
  } finally {
    await log.close();
  }
}

/** Changes a log, and as far as it goes that of other SDKs' records, and says what of it must wait. */
async function change(
  folder: string,
  work: (log: SegmentLog) => Promise<void>,
  before: (foreign: SegmentLog) => Promise<void> = async () => undefined,
): Promise<number> {
  const foreign = foreignFolder(folder);
  const isThere = existsSync(foreign);
  await withLog(folder, async (log) => {
    if (isThere) await withLog(foreign, before);
    await work(log);
    if (isThere) await withLog(foreign, (other) => follow(log, other));
    process.stdout.write(
      log.erasures.waiting === 0
        ? 'done\n'
        : `done; ${log.erasures.waiting} records wait for their erasure: a hold is over them\n`,
    );
  });
  return 0;
}

function erase(folder: string, { session, digest, reason }: Change): Promise<number> {
  const subject = session === undefined ? digest : subjectOf(session);
  if (subject === undefined || !/^[0-9a-f]{64}$/.test(subject))
    throw wrong('erase needs a session.', 'Name it with --session ID, or with --digest and 64 hex digits.');
  const why = wordOf('reason', reason);
  return change(folder, (log) => log.erase(subject, why));
}

function hold(folder: string, { id, from, to, reason }: Change): Promise<number> {
  const [name, first, last, why] = [
    wordOf('id', id),
    time('from', from),
    time('to', to),
    wordOf('reason', reason),
  ];
  return change(folder, (log) => log.hold(name, first, last, why));
}

function release(folder: string, { id }: Change): Promise<number> {
  const name = wordOf('id', id);
  return change(
    folder,
    async (log) => {
      if (!log.erasures.holds.some((held) => held.id === name))
        throw wrong(`There is no hold ${name}.`, 'sonde audit verify lists those there are.');
      await log.release(name);
    },
    (foreign) => releaseThere(foreign, name),
  );
}

/** `sonde audit` over a collector's segments: reading needs no lock, changing them does. */
export async function audit(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    data: { type: 'string', default: join('.sonde', 'data') },
    head: { type: 'string' },
    cold: { type: 'string' },
    'cold-endpoint': { type: 'string' },
    session: { type: 'string' },
    digest: { type: 'string' },
    id: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    reason: { type: 'string', default: 'unstated' },
    help: { type: 'boolean', default: false },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const actions = new Map([
    ['verify', (folder: string) => verify(folder, values)],
    ['export', print],
    ['head', printHead],
    ['key', printKey],
    ['erase', (folder: string) => erase(folder, values)],
    ['hold', (folder: string) => hold(folder, values)],
    ['release', (folder: string) => release(folder, values)],
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
