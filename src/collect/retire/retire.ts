import { readFile, stat } from 'node:fs/promises';
import type { Checkpoint } from '../checkpoint.ts';
import { Erasures } from '../erasures.ts';
import { listSegments } from '../folder.ts';
import { readHead } from '../head.ts';
import { headerOf } from '../header.ts';
import { type Entry, readEntry } from '../line.ts';
import type { SegmentLog } from '../log.ts';
import { quoted } from '../tables/duck.ts';
import { tableName, tablePath } from '../tables/path.ts';
import { stateOf, textOf } from '../tables/table.ts';
import type { Tables } from '../tables/tables.ts';
import { type ColdStore, digestOf } from './cold.ts';
import type { Retired, RetiredSegment } from './retired.ts';

/** What a table tells of its segment. */
interface Contents {
  readonly records: number;
  readonly chunks: number;
  /** Of its oldest and its newest entry, epoch ms. */
  readonly from: number;
  readonly to: number;
  readonly notices: readonly Entry[];
  readonly graves: readonly [subject: string, records: number][];
}

async function contentsOf({ duck }: Tables, table: string): Promise<Contents> {
  const file = `read_parquet(${quoted(table)})`;
  const [counts] = await duck.rows(`
    SELECT count(*) FILTER (kind = 'record') AS records, count(*) FILTER (kind = 'chunk') AS chunks,
      min(told)::DOUBLE AS first, max(told)::DOUBLE AS last
    FROM (SELECT kind, coalesce("receivedAt", (entry->>'$.at')::BIGINT) AS told FROM ${file})`);
  const notices = await duck.rows(`SELECT entry FROM ${file}
    WHERE entry IS NOT NULL AND kind NOT IN ('record', 'chunk', 'metrics', 'foreign', 'access') ORDER BY line`);
  const graves =
    await duck.rows(`SELECT subject, count(*) FILTER (kind IN ('record', 'foreign')) AS records FROM ${file}
    WHERE subject IS NOT NULL GROUP BY subject`);
  return {
    records: Number(counts?.records),
    chunks: Number(counts?.chunks),
    from: Number(counts?.first ?? 0),
    to: Number(counts?.last ?? 0),
    notices: notices.flatMap(({ entry }) => readEntry(String(entry)) ?? []),
    graves: graves.map(({ subject, records }) => [String(subject), Number(records)]),
  };
}

export interface RetireParts {
  readonly log: SegmentLog;
  readonly tables: Tables;
  readonly cold: ColdStore;
  /** Entries older than this many days are retired. */
  readonly hotDays: number;
  /** Segments from this one on stay: somebody has not read them yet. */
  readonly stayFrom?: number | undefined;
}

export const day = 86_400_000;

/** What is left of retired segments once one more is among them. */
function grown(
  before: Retired | undefined,
  { segment, head, ...told }: RetiredSegment,
  { records, chunks, notices, graves }: Contents,
  { state, erased }: Pick<Retired, 'erased'> & { readonly state: unknown },
): Retired {
  const erasures = new Erasures();
  for (const notice of [...(before?.base.notices ?? []), ...notices]) erasures.see(notice);
  const counts = new Map(before?.graves);
  for (const [subject, count] of graves) counts.set(subject, (counts.get(subject) ?? 0) + count);
  const { place } = before?.base ?? {};
  const base: Checkpoint = {
    format: 1,
    place: {
      segment: segment + 1,
      bytes: 0,
      lines: 0,
      chain: head.chain,
      records: (place?.records ?? 0) + records,
      chunks: (place?.chunks ?? 0) + chunks,
    },
    notices: erasures.notices,
    // It may know of what came later; it must not know less.
    state,
  };
  return {
    format: 1,
    base,
    graves: [...counts],
    segments: [...(before?.segments ?? []), { segment, head, ...told }],
    erased,
  };
}

/** The oldest segment, if all of it may go: its table is in cold storage then. */
async function storeOldest({ log, tables, cold, hotDays, stayFrom }: RetireParts) {
  const [segment, next] = await listSegments(log.folder);
  if (segment === undefined || next === undefined || segment.number >= (stayFrom ?? next.number))
    return undefined;
  const table = tablePath(segment.path);
  const source = await stateOf(segment.path);
  await tables.make(segment);
  const contents = await contentsOf(tables, table);
  if (contents.to >= Date.now() - hotDays * day || log.erasures.isHeld(contents.from, contents.to))
    return undefined;
  const head = readHead((await headerOf(next.path))?.head);
  const isWhole = (await textOf(tables.duck, table)) === (await readFile(segment.path, 'utf8'));
  // A fault, or erased meanwhile: it stays.
  if (head === undefined || !isWhole) return undefined;
  const sha256 = await digestOf(table);
  await cold.put(tableName(segment.path), table, sha256);
  const { records, from, to } = contents;
  const { size: bytes } = await stat(table);
  const told: RetiredSegment = { segment: segment.number, records, from, to, bytes, sha256, head };
  return { told, contents, path: segment.path, source };
}

/**
 * Moves the oldest closed segments to cold storage, as long as all of one is older than `hotDays` and under no hold. A
 * segment is deleted here once its table gave its bytes back and the cold storage has the table.
 * @returns how many were retired
 */
export async function retire(parts: RetireParts): Promise<number> {
  const { log } = parts;
  await log.closeOlder(Date.now() - day);
  for (let count = 0; ; count++) {
    const stored = await storeOldest(parts);
    if (stored === undefined) return count;
    const { told, contents, path, source } = stored;
    const isUnchanged = async (): Promise<boolean> => (await stateOf(path)) === source;
    // Of what was erased before anything was retired there is nothing in cold storage.
    const erased = log.retired?.erased ?? log.erasures.finished;
    const left = grown(log.retired, told, contents, { state: log.snapshot(), erased });
    if (!(await log.retire(left, isUnchanged))) return count;
  }
}
