import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SondeError } from '../../shared/errors.ts';
import { segmentName } from '../folder.ts';
import { hashEntry, nextChain, readHeader, readLine } from '../line.ts';
import { type Duck, openDuck } from '../tables/duck.ts';
import { tableName } from '../tables/path.ts';
import { textOf } from '../tables/table.ts';
import type { ColdStore } from './cold.ts';
import type { RetiredSegment } from './retired.ts';

/** Runs `work` with a folder that is gone afterwards, on the disk of the log. */
export async function inScratch<T>(folder: string, work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = await mkdtemp(join(folder, 'scratch-'));
  try {
    return await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The chain value at the end of a segment's text, if every entry and every link of it is in order. */
function chainOf(text: string): string | undefined {
  const [first = '', ...lines] = text.trimEnd().split('\n');
  let chain = readHeader(first)?.previous;
  for (const each of lines) {
    const line = readLine(each);
    if (line === undefined || chain === undefined) return undefined;
    chain = nextChain(chain, line.hash);
    if (chain !== line.chain || (line.json !== undefined && hashEntry(line.json) !== line.hash))
      return undefined;
  }
  return chain;
}

/**
 * A retired segment as it was, but for what was erased since.
 * @throws SondeError `storage_blocked` unless it ends as its signed head says
 */
export async function fetchSegment(
  duck: Duck,
  cold: ColdStore,
  { segment, head }: RetiredSegment,
  scratch: string,
): Promise<string> {
  const name = tableName(segmentName(segment));
  const table = join(scratch, name);
  await cold.get(name, table);
  const text = await textOf(duck, table);
  if (chainOf(text) === head.chain) return text;
  throw new SondeError(
    'storage_blocked',
    `The table of segment ${segment} in cold storage is not what was retired.`,
    'Restore it from a backup of the cold storage.',
  );
}

/** The same for whoever has no DuckDB open. @param folder of the log: the scratch lies there */
export async function fetchAlone(folder: string, cold: ColdStore, segment: RetiredSegment): Promise<string> {
  const duck = await openDuck();
  try {
    return await inScratch(folder, (scratch) => fetchSegment(duck, cold, segment, scratch));
  } finally {
    duck.close();
  }
}
