import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listSegments, type SegmentFile } from '../folder.ts';
import { linesOf } from './columns.ts';
import { type Duck, openDuck, quoted } from './duck.ts';
import { tableName, tablePath } from './path.ts';
import { readLabel, stateOf, writeTable } from './table.ts';

/**
 * A Parquet file for each closed segment, in `tables` of the data folder. Derived: deleting any of them loses nothing.
 * An erasure takes the tables of the segments that it changes away before it changes them.
 */
export class Tables {
  readonly duck: Duck;
  readonly #folder: string;
  /** The source that each table names, as long as its file is this one: asking all of them takes longer than a query. */
  readonly #labels = new Map<string, { readonly file: string; readonly source: string | undefined }>();

  private constructor(folder: string, duck: Duck) {
    this.#folder = folder;
    this.duck = duck;
  }

  /** @throws SondeError `file_not_found` when @duckdb/node-api is not installed */
  static async open(folder: string): Promise<Tables> {
    const duck = await openDuck();
    await mkdir(join(folder, 'tables'), { recursive: true });
    return new Tables(folder, duck);
  }

  async #isFresh({ path }: SegmentFile): Promise<boolean> {
    const table = tablePath(path);
    const file = await stateOf(table).catch(() => undefined);
    if (file === undefined) return false;
    const known = this.#labels.get(table);
    const source = known?.file === file ? known.source : (await readLabel(this.duck, table))?.source;
    this.#labels.set(table, { file, source });
    return source !== undefined && source === (await stateOf(path).catch(() => ''));
  }

  async #closed(): Promise<readonly SegmentFile[]> {
    return (await listSegments(this.#folder)).slice(0, -1);
  }

  /**
   * Makes the tables that are missing or made from another state of their segment, and takes away those without one.
   * @returns how many it made
   */
  async refresh(): Promise<number> {
    const closed = await this.#closed();
    const names = new Set(closed.map(({ path }) => tableName(path)));
    for (const name of await readdir(join(this.#folder, 'tables')))
      if (!names.has(name)) await rm(join(this.#folder, 'tables', name), { force: true });
    let made = 0;
    for (const segment of closed) if (await this.make(segment)) made += 1;
    return made;
  }

  /** The table of one segment, unless it is there. @returns whether it was made */
  async make(segment: SegmentFile): Promise<boolean> {
    if (await this.#isFresh(segment)) return false;
    await writeTable(this.duck, segment.path, tablePath(segment.path));
    return true;
  }

  /** Takes every table away and makes it anew. */
  async rebuild(): Promise<number> {
    await rm(join(this.#folder, 'tables'), { recursive: true, force: true });
    await mkdir(join(this.#folder, 'tables'));
    return this.refresh();
  }

  /**
   * All lines of the log as an SQL query with the columns of `linesOf`: closed segments from their tables, the rest
   * from the log itself, up to the last stored chunk.
   */
  async source(): Promise<string> {
    const tables: string[] = [];
    const selects: string[] = [];
    for (const segment of await listSegments(this.#folder))
      if (await this.#isFresh(segment)) tables.push(quoted(tablePath(segment.path)));
      else
        selects.push(`SELECT * FROM (${linesOf(segment.path)})
          QUALIFY line <= max(line) FILTER (kind <> 'record') OVER ()`);
    if (tables.length > 0) selects.unshift(`SELECT * FROM read_parquet([${tables.join(', ')}])`);
    return selects.join(' UNION ALL BY NAME ');
  }

  close(): void {
    this.duck.close();
  }
}
