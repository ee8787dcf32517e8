import { basename, dirname, join } from 'node:path';

export const tableName = (segment: string): string => basename(segment).replace(/ndjson$/, 'parquet');

/** Where the table of a segment lies. */
export const tablePath = (segment: string): string => join(dirname(segment), 'tables', tableName(segment));
