import { basename, dirname, join } from 'node:path';

/** Where the table of a segment lies. */
export const tablePath = (segment: string): string =>
  join(dirname(segment), 'tables', basename(segment).replace(/ndjson$/, 'parquet'));
