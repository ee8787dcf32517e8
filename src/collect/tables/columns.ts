import type { Field, Spec } from '../../schema/field.ts';
import { recordFields, serviceFields } from '../../schema/fields.ts';
import { outcomeFields } from '../../schema/outcome-fields.ts';
import { quoted } from './duck.ts';

function typeOf({ kind }: Spec): string {
  switch (kind) {
    case 'text':
    case 'prose':
    case 'choice':
      return 'VARCHAR';
    case 'whole':
    case 'instant':
    case 'duration':
      return 'BIGINT';
    case 'grid':
    case 'exact':
      return 'DOUBLE';
    case 'flag':
      return 'BOOLEAN';
  }
}

const typesOf = (table: Readonly<Record<string, Field>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(table).map(([key, { spec }]) => [key, typeOf(spec)]));

const recordTypes = { ...typesOf(outcomeFields), ...typesOf(recordFields) };
const serviceTypes = typesOf(serviceFields);

/** What is read of an entry, as DuckDB's `from_json` takes it. */
const structure = {
  kind: 'VARCHAR',
  session: 'VARCHAR',
  epoch: 'BIGINT',
  seq: 'BIGINT',
  receivedAt: 'BIGINT',
  service: serviceTypes,
  record: recordTypes,
};

const serviceColumn = (key: string): string => `service${key.charAt(0).toUpperCase()}${key.slice(1)}`;

/**
 * The lines of a segment with the fields of its records as columns, named as in the log; a service's are
 * `serviceName` and so on. A line: its number in the file, its entry's hash, the entry as it was written, and where it
 * was erased the session's digest instead.
 */
export const linesOf = (segment: string): string => {
  const columns = [
    ...['session', 'epoch', 'seq', 'receivedAt'].map((key) => `fields.${key} AS "${key}"`),
    ...Object.keys(serviceTypes).map((key) => `fields.service."${key}" AS "${serviceColumn(key)}"`),
    ...Object.keys(recordTypes).map((key) => `fields.record."${key}" AS "${key}"`),
  ];
  // The prefix of a line has a fixed length: src/collect/line.ts, writeLine.
  return `
    WITH pieces AS (SELECT string_split(content, chr(10)) AS all_lines FROM read_text(${quoted(segment)})),
    numbered AS (SELECT unnest(all_lines) AS text, unnest(range(1, len(all_lines) + 1)) AS line FROM pieces),
    parts AS (
      SELECT line, substr(text, 85, 64) AS hash,
        CASE WHEN substr(text, 151, 8) = '"entry":' THEN substr(text, 159, length(text) - 159) END AS entry,
        CASE WHEN substr(text, 151, 12) = '"tombstone":' THEN substr(text, 163, length(text) - 163) END AS tombstone
      FROM numbered WHERE line > 1 AND text <> ''),
    parsed AS (SELECT *, from_json(entry, '${JSON.stringify(structure)}') AS fields FROM parts)
    SELECT line, unhex(hash) AS hash, entry, tombstone->>'$.subject' AS subject,
      coalesce(fields.kind, tombstone->>'$.kind') AS kind, ${columns.join(', ')}
    FROM parsed`;
};
