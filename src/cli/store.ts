import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { lockFolder } from '../collect/lock.ts';
import { Tables } from '../collect/tables/tables.ts';
import { SondeError } from '../shared/errors.ts';
import { readArguments } from './arguments.ts';

const help = `sonde store rebuild            makes the Parquet tables of the closed segments anew, in DIR/tables. They are
                               derived: the segments alone are what is kept. Needs the package @duckdb/node-api

  --data DIR    the collector's data folder, default .sonde/data; the collector must be stopped
`;

/** @throws SondeError `storage_blocked` while a collector has the folder */
async function locked<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const unlock = await lockFolder(folder);
  try {
    return await work();
  } finally {
    await unlock();
  }
}

async function rebuild(folder: string): Promise<number> {
  const tables = await Tables.open(folder);
  try {
    const made = await locked(folder, () => tables.rebuild());
    process.stdout.write(`${made} tables\n`);
  } finally {
    tables.close();
  }
  return 0;
}

/** `sonde store` over a collector's data folder. */
export async function store(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    data: { type: 'string', default: join('.sonde', 'data') },
    help: { type: 'boolean', default: false },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const actions = new Map([['rebuild', rebuild]]);
  const [name = '', ...more] = positionals;
  const action = more.length === 0 ? actions.get(name) : undefined;
  if (action === undefined)
    throw new SondeError(
      'invalid_argument',
      'store needs one action.',
      `Say one of: ${[...actions.keys()].map((known) => `store ${known}`).join(', ')}.`,
    );
  if (!existsSync(values.data))
    throw new SondeError(
      'file_not_found',
      `There is no folder ${values.data}.`,
      'Name the data folder with --data.',
    );
  return action(resolve(values.data));
}
