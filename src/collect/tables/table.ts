import { readFile, rename, rm, stat } from 'node:fs/promises';
import { SondeError } from '../../shared/errors.ts';
import { syncFile } from '../folder.ts';
import { nextChain, readHeader, type Tombstone, writeLine, writeTombstone } from '../line.ts';
import { linesOf } from './columns.ts';
import { type Duck, quoted } from './duck.ts';

/** What a table says of itself, in Parquet's key-value metadata under `sonde`. */
interface Label {
  readonly format: 1;
  /** Size and time of the segment that it was made from: another one has another table. */
  readonly source: string;
  /** The segment's first line. */
  readonly header: string;
}

/** Which state of a file this is; a segment's changes when something of it is erased. */
export async function stateOf(path: string): Promise<string> {
  const { size, mtimeNs } = await stat(path, { bigint: true });
  return `${size} ${mtimeNs}`;
}

/** Of a segment, as a Parquet file. It has all that the segment has: `textOf` gives the segment's bytes back. */
export async function writeTable(duck: Duck, segment: string, table: string): Promise<void> {
  const source = await stateOf(segment);
  const text = await readFile(segment, 'utf8');
  const header = text.slice(0, text.indexOf('\n'));
  const label: Label = { format: 1, source, header };
  const draft = `${table}.new`;
  await duck.rows(`COPY (${linesOf(segment)} ORDER BY line)
    TO ${quoted(draft)} (FORMAT parquet, COMPRESSION zstd, KV_METADATA {sonde: ${quoted(JSON.stringify(label))}})`);
  await syncFile(draft);
  // Erased meanwhile: what was read must not come back.
  if ((await stateOf(segment)) === source) await rename(draft, table);
  else await rm(draft);
}

/** Absent where there is no table, or none of this format. */
export async function readLabel(duck: Duck, table: string): Promise<Label | undefined> {
  try {
    const [row] = await duck.rows(
      `SELECT decode(value) AS label FROM parquet_kv_metadata(${quoted(table)}) WHERE decode(key) = 'sonde'`,
    );
    const label = JSON.parse(String(row?.label)) as Label;
    return label.format === 1 ? label : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The segment that a table was made from, byte for byte.
 * @throws SondeError `file_not_found` for a file that is no table of a segment
 */
export async function textOf(duck: Duck, table: string): Promise<string> {
  const label = await readLabel(duck, table);
  const header = label && readHeader(label.header);
  if (label === undefined || header === undefined)
    throw new SondeError(
      'file_not_found',
      `${table} is no table of a segment.`,
      'Name a file that store made.',
    );
  const rows = await duck.rows(
    `SELECT lower(hex(hash)) AS hash, entry, subject, kind FROM read_parquet(${quoted(table)}) ORDER BY line`,
  );
  let chain = header.previous;
  let text = `${label.header}\n`;
  for (const { hash, entry, subject, kind } of rows) {
    chain = nextChain(chain, String(hash));
    text +=
      entry === null
        ? writeTombstone(chain, String(hash), { kind: kind as Tombstone['kind'], subject: String(subject) })
        : writeLine(chain, String(hash), String(entry));
  }
  return text;
}
