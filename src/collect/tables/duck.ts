import { optional } from '../optional.ts';

type Row = Readonly<Record<string, unknown>>;

/** A database in memory, for reading and writing Parquet. */
export interface Duck {
  /** Runs one statement beside others, and gives its rows. */
  rows(sql: string): Promise<readonly Row[]>;
  close(): void;
}

/** @throws SondeError `file_not_found` when the optional package is not installed */
export async function openDuck(): Promise<Duck> {
  const { DuckDBInstance } = await optional(
    'Tables need',
    '@duckdb/node-api',
    '1.5.6-r.1',
    () => import('@duckdb/node-api'),
  );
  // Two: the collector's own thread needs a core too.
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  return {
    async rows(sql) {
      const connection = await instance.connect();
      try {
        return (await connection.runAndReadAll(sql)).getRowObjects();
      } finally {
        connection.closeSync();
      }
    },
    close: () => instance.closeSync(),
  };
}

/** A text as SQL writes it. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
