import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { copyLog } from '../collect/backup.ts';
import { listSegments } from '../collect/folder.ts';
import { foreignFolder } from '../collect/foreign/folder.ts';
import { ForeignRetention } from '../collect/foreign/retention.ts';
import { readPublicKey } from '../collect/keys.ts';
import { Known } from '../collect/known.ts';
import { lockFolder } from '../collect/lock.ts';
import { SegmentLog } from '../collect/log.ts';
import { type ColdStore, openCold } from '../collect/retire/cold.ts';
import { projectCost } from '../collect/retire/cost.ts';
import { eraseCold } from '../collect/retire/erase.ts';
import { fetchAlone } from '../collect/retire/fetch.ts';
import { retire } from '../collect/retire/retire.ts';
import { loadRetired } from '../collect/retire/retired.ts';
import { Tables } from '../collect/tables/tables.ts';
import { walkLog } from '../collect/walk.ts';
import { SondeError } from '../shared/errors.ts';
import { readArguments } from './arguments.ts';

const help = `sonde store rebuild             makes the Parquet tables of the closed segments anew, in DIR/tables. They are
                                derived: the segments alone are what is kept
sonde store retire --cold PLACE   moves segments all of which is older than --hot-days to cold storage, as tables, and
                                makes erasures there that were asked for since
sonde store fetch --segment N --cold PLACE --out FILE   a retired segment as it was, held against its signed head
sonde store cost                what keeping will take, by what came in so far; in money with --hot-price and
                                --cold-price, of a GB (10^9 bytes) and month
sonde store backup --to FOLDER  copies the log, also while a collector runs, and checks the copy. Again into the same
                                folder: what is new, and what was erased or retired since
sonde store restore --from FOLDER   copies a backup into a data folder that holds no log, and checks it

  --data DIR            the collector's data folder, default .sonde/data. For rebuild and retire it must be stopped
  --cold PLACE          a folder, or s3://bucket/prefix (needs the package @aws-sdk/client-s3)
  --cold-endpoint URL   of a server that speaks S3 and is not Amazon's
  --hot-days N          default 90

All but cost, backup and restore need the package @duckdb/node-api.
`;

const wrong = (message: string, remedy: string) => new SondeError('invalid_argument', message, remedy);

export function daysOf(text: string): number {
  const days = Number(text);
  if (days >= 0 && Number.isFinite(days) && text !== '') return days;
  throw wrong(`--hot-days ${text} is no number of days.`, 'Name a number such as 90.');
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(3)} GB`;

interface Settings {
  readonly data: string;
  readonly cold?: string | undefined;
  readonly 'cold-endpoint'?: string | undefined;
  readonly 'hot-days': string;
  readonly 'hot-price'?: string | undefined;
  readonly 'cold-price'?: string | undefined;
  readonly segment?: string | undefined;
  readonly out?: string | undefined;
  readonly to?: string | undefined;
  readonly from?: string | undefined;
}

function coldOf({ cold, 'cold-endpoint': endpoint }: Settings): Promise<ColdStore> {
  if (cold === undefined) throw wrong('No cold storage was named.', 'Name it with --cold.');
  return openCold(cold, endpoint);
}

function given(option: 'to' | 'from' | 'out', settings: Settings): string {
  const value = settings[option];
  if (value === undefined)
    throw wrong(`--${option} is missing.`, 'sonde store --help says what each action takes.');
  return resolve(value);
}

async function rebuild({ data }: Settings): Promise<number> {
  const unlock = await lockFolder(data);
  const tables = await Tables.open(data);
  try {
    say(`${await tables.rebuild()} tables`);
  } finally {
    tables.close();
    await unlock();
  }
  return 0;
}

async function retireNow(settings: Settings): Promise<number> {
  const hotDays = daysOf(settings['hot-days']);
  const cold = await coldOf(settings);
  // All of it, not from its checkpoint on: damage stays where it can be looked at.
  if ((await walkLog(settings.data, () => undefined)).faults.length > 0) {
    say('The log has faults; sonde audit verify says where. Nothing was retired.');
    return 1;
  }
  const tables = await Tables.open(settings.data);
  const known = new Known();
  const { log } = await SegmentLog.open(settings.data, (entries, segment) => known.read(entries, segment), {
    keeper: known,
  });
  try {
    const erased = await eraseCold({ log, tables, cold });
    say(`${await retire({ log, tables, cold, hotDays })} segments retired, ${erased} sessions erased there`);
    const first = log.retired?.base.place.segment;
    if (first !== undefined) say(`the log begins here at segment ${first}`);
  } finally {
    await log.close();
    tables.close();
  }
  return retireForeign(settings, hotDays);
}

async function retireForeign(settings: Settings, hotDays: number): Promise<number> {
  const folder = foreignFolder(settings.data);
  if (!existsSync(folder)) return 0;
  const { log } = await SegmentLog.open(folder, () => undefined);
  const { cold = '', 'cold-endpoint': endpoint } = settings;
  const retention = await ForeignRetention.open(log, { cold, endpoint, hotDays });
  try {
    const { retired, erased } = await retention.round();
    say(`of other SDKs' records: ${retired} segments retired, ${erased} sessions erased there`);
    return 0;
  } finally {
    retention.close();
    await log.close();
  }
}

async function fetch(settings: Settings): Promise<number> {
  const { data, segment } = settings;
  const out = given('out', settings);
  const cold = await coldOf(settings);
  const key = await readPublicKey(data);
  const told = (key && (await loadRetired(data, key)))?.segments.find(
    (each) => each.segment === Number(segment),
  );
  if (told === undefined)
    throw wrong(
      `Segment ${segment ?? ''} is not retired.`,
      'sonde audit verify says where the log begins here.',
    );
  await writeFile(out, await fetchAlone(data, cold, told));
  say(`segment ${told.segment}, ${told.records} records, ends as its signed head says`);
  return 0;
}

async function cost(settings: Settings): Promise<number> {
  const hotDays = daysOf(settings['hot-days']);
  const { days, records, perDay, hot, ratio } = await projectCost(settings.data, hotDays);
  if (records === 0) {
    say('No records are here, so there is nothing to go by.');
    return 0;
  }
  const cold = ratio === undefined ? undefined : perDay * 30 * ratio;
  say(`${records} records in ${days.toFixed(2)} days: ${gigabytes(perDay)} a day`);
  say(`here, ${hotDays} days: ${gigabytes(hot)}`);
  say(
    cold === undefined
      ? 'cold storage: not known, no segment has a table to measure (sonde store rebuild)'
      : `cold storage: ${gigabytes(cold)} more each month (a table is ${((ratio ?? 0) * 100).toFixed(1)} % of its segment)`,
  );
  const [hotPrice, coldPrice] = [settings['hot-price'], settings['cold-price']].map(Number);
  if (settings['hot-price'] !== undefined) say(`here: ${((hot / 1e9) * (hotPrice ?? 0)).toFixed(2)} a month`);
  if (settings['cold-price'] !== undefined && cold !== undefined)
    say(`cold storage after 12 months: ${(((12 * cold) / 1e9) * (coldPrice ?? 0)).toFixed(2)} a month`);
  return 0;
}

/** Copies a log, and with it that of other SDKs' records, and says whether the copies verify. */
async function copyAll(from: string, to: string): Promise<number> {
  const status = await checked(to, await copyLog(from, to));
  const [source, target] = [foreignFolder(from), foreignFolder(to)];
  if (!existsSync(source)) return status;
  say('Records of other SDKs (foreign), in a log of their own:');
  return Math.max(status, await checked(target, await copyLog(source, target)));
}

/** Says whether a copy verifies. */
async function checked(folder: string, copied: number): Promise<number> {
  let foreign = 0;
  const { faults, records, segment } = await walkLog(folder, (entries) => {
    foreign += entries.filter(({ kind }) => kind === 'foreign').length;
  });
  say(
    `${copied} segments copied; ${records + foreign} records up to segment ${segment}, ${faults.length} faults`,
  );
  if (faults.length > 0)
    say('The log may have changed while it was copied: run it again, then sonde audit verify.');
  return faults.length === 0 ? 0 : 1;
}

async function backup(settings: Settings): Promise<number> {
  return copyAll(settings.data, given('to', settings));
}

async function restore(settings: Settings): Promise<number> {
  const [from, { data }] = [given('from', settings), settings];
  if (existsSync(data) && (await listSegments(data)).length > 0)
    throw wrong(`${data} holds a log already.`, 'Name another folder with --data.');
  return copyAll(from, data);
}

const actions = new Map([
  ['rebuild', rebuild],
  ['retire', retireNow],
  ['fetch', fetch],
  ['cost', cost],
  ['backup', backup],
  ['restore', restore],
]);

/** `sonde store` over a collector's data folder. */
export async function store(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    data: { type: 'string', default: join('.sonde', 'data') },
    cold: { type: 'string' },
    'cold-endpoint': { type: 'string' },
    'hot-days': { type: 'string', default: '90' },
    'hot-price': { type: 'string' },
    'cold-price': { type: 'string' },
    segment: { type: 'string' },
    out: { type: 'string' },
    to: { type: 'string' },
    from: { type: 'string' },
    help: { type: 'boolean', default: false },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const [name = '', ...more] = positionals;
  const action = more.length === 0 ? actions.get(name) : undefined;
  if (action === undefined)
    throw wrong(
      'store needs one action.',
      `Say one of: ${[...actions.keys()].map((known) => `store ${known}`).join(', ')}.`,
    );
  if (name !== 'restore' && !existsSync(values.data))
    throw new SondeError(
      'file_not_found',
      `There is no folder ${values.data}.`,
      'Name the data folder with --data.',
    );
  return action({ ...values, data: resolve(values.data) });
}
