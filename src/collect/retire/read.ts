import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { segmentName } from '../folder.ts';
import { type RecordEntry, readEntry } from '../line.ts';
import type { SegmentLog } from '../log.ts';
import { quoted } from '../tables/duck.ts';
import { tableName } from '../tables/path.ts';
import type { Tables } from '../tables/tables.ts';
import { unerased } from './erase.ts';
import { type Time, touched } from './retired.ts';

/** What answers need of retired segments whose tables lie in a folder: DuckDB reads them there. */
export class ColdTables {
  readonly #folder: string;
  readonly #tables: Tables;
  readonly #log: Pick<SegmentLog, 'retired' | 'erasures'>;

  constructor(folder: string, tables: Tables, log: Pick<SegmentLog, 'retired' | 'erasures'>) {
    this.#folder = folder;
    this.#tables = tables;
    this.#log = log;
  }

  /**
   * The lines of retired segments that touch a time as an SQL query, without sessions that wait for their erasure there.
   * @returns undefined where there are none, or a table is not at its place
   */
  async source(asked: Time): Promise<string | undefined> {
    const { retired, erasures } = this.#log;
    const files = touched(retired, asked).map(({ segment }) =>
      join(this.#folder, tableName(segmentName(segment))),
    );
    if (retired === undefined || files.length === 0) return undefined;
    try {
      await Promise.all(files.map((file) => access(file)));
    } catch {
      return undefined;
    }
    const waiting = unerased(retired, erasures).map(quoted);
    const stays = waiting.length === 0 ? '' : ` AND sha256(session) NOT IN (${waiting.join(', ')})`;
    return `SELECT * FROM read_parquet([${files.map(quoted).join(', ')}], union_by_name = true)
      WHERE entry IS NOT NULL${stays}`;
  }

  /** Everything of one request. */
  async ofRequest(source: string, id: string): Promise<readonly RecordEntry[]> {
    const rows = await this.#tables.duck.rows(`SELECT entry FROM (${source})
      WHERE kind = 'record' AND ("requestId" = ${quoted(id)} OR "recordId" = ${quoted(id)}) ORDER BY "receivedAt", seq`);
    return rows.flatMap(({ entry }) => {
      const read = readEntry(String(entry));
      return read?.kind === 'record' ? [read] : [];
    });
  }

  /** How many requests, by what became of them. */
  async requests(source: string) {
    const rows =
      await this.#tables.duck.rows(`SELECT "modelId" AS model, operation, outcome, count(*) AS records
      FROM (${source}) WHERE kind = 'record' AND "reportedAt" IS NULL GROUP BY ALL`);
    return rows.map(({ model, operation, outcome, records }) => ({
      model: String(model),
      operation: String(operation),
      outcome: String(outcome),
      records: Number(records),
    }));
  }
}
