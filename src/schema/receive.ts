import {
  type ChunkIdentity,
  chunkFields,
  recordFields,
  schemaUrl,
  schemaVersion,
  serviceFields,
} from './fields.ts';
import { sdkAttributes } from './otlp.ts';
import type { RequestRecord, ServiceIdentity } from './record.ts';
import {
  type Attributes,
  attributesAt,
  isObject,
  type JsonObject,
  missingFrom,
  readInto,
  type WireTable,
  wireTable,
} from './wire.ts';

/** `reject` is one of a closed set of words, fit to be a metric's label: it never quotes what was sent. */
export type Verdict = { readonly record: RequestRecord } | { readonly reject: string };

/** Consecutive records of one page life: `verdicts[i]` is on the record with number `chunk.seq + i`. */
export interface ReceivedChunk {
  readonly chunk: ChunkIdentity;
  readonly service: ServiceIdentity;
  readonly verdicts: readonly Verdict[];
}

/** `malformed`: nothing of the body can be used; else every record was judged by itself. */
export type LogsVerdict =
  | { readonly kind: 'malformed'; readonly code: string; readonly message: string }
  | { readonly kind: 'logs'; readonly chunks: readonly ReceivedChunk[] };

/** Rewrites the attributes of an older schema version, resource's or record's, into the present one's. */
type Upgrade = (attributes: Attributes) => Attributes;
export type Upgrades = ReadonlyMap<number, Upgrade>;

/** The version before this one, once there is one. */
const upgradesToCurrent: Upgrades = new Map();

/** A good record is over 1 KB of JSON, so a body of 1 MiB holds fewer; one of empty records could hold 300,000. */
const mostRecords = 2000;

const chunkTable = wireTable(chunkFields);
const serviceTable = wireTable(serviceFields);
const recordTable = wireTable(recordFields);

class Malformed extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

function objectsAt(parent: JsonObject, key: string): readonly JsonObject[] {
  const list = parent[key];
  if (!Array.isArray(list) || !list.every(isObject))
    throw new Malformed('not_otlp', `\`${key}\` must be an array of objects.`);
  return list;
}

/** Reads what a table names from a resource or scope, which all its records share: a fault there is structural. */
function shared(parent: unknown, table: WireTable, what: 'resource' | 'scope') {
  const attributes = attributesAt(parent);
  if (attributes === undefined)
    throw new Malformed('not_otlp', `Every attribute of a ${what} needs a \`key\` of its own.`);
  const values: Record<string, unknown> = {};
  const rest = new Map<string, unknown>();
  const reason = readInto(values, table.attributes, attributes, rest) ?? missingFrom(table, values);
  if (reason !== undefined)
    throw new Malformed(`bad_${what}`, `The ${what} attributes are outside the schema: ${reason}.`);
  return { values, rest };
}

/** The record fields that stand on a resource, read once for all its records; or why none of them is good. */
interface Identity {
  readonly values: JsonObject;
  readonly reject: string | undefined;
}

function readIdentity(attributes: Attributes): Identity {
  const values: Record<string, unknown> = {};
  return { values, reject: readInto(values, recordTable.attributes, attributes) };
}

function judge(log: JsonObject, identity: Identity, upgrade: Upgrade): Verdict {
  if (identity.reject !== undefined) return { reject: identity.reject };
  const sent = attributesAt(log);
  if (sent === undefined) return { reject: 'not_otlp' };
  const native = new Map<string, unknown>();
  for (const wire of recordTable.native.keys()) if (log[wire] !== undefined) native.set(wire, log[wire]);
  const values: Record<string, unknown> = {};
  const reject =
    readInto(values, recordTable.native, native) ??
    readInto(values, recordTable.attributes, upgrade(sent)) ??
    // Behind, and not by spreading: adding keys to a spread object costs six times as much.
    missingFrom(recordTable, Object.assign(values, identity.values));
  if (reject !== undefined) return { reject };
  const record = values as unknown as RequestRecord;
  return record.endedAt < record.startedAt ? { reject: 'invalid.endedAt' } : { record };
}

function upgradeFor(url: unknown, upgrades: Upgrades): Upgrade {
  if (url === schemaUrl(schemaVersion)) return (attributes) => attributes;
  for (const [version, upgrade] of upgrades) if (url === schemaUrl(version)) return upgrade;
  throw new Malformed(
    'schema_version',
    `\`schemaUrl\` must be ${schemaUrl(schemaVersion)} or the version before.`,
  );
}

function readBody(body: unknown, upgrades: Upgrades): readonly ReceivedChunk[] {
  if (!isObject(body)) throw new Malformed('not_otlp', 'The body must be an OTLP/JSON export request.');
  const chunks: ReceivedChunk[] = [];
  let records = 0;
  for (const resourceLogs of objectsAt(body, 'resourceLogs')) {
    const { values, rest } = shared(resourceLogs.resource, serviceTable, 'resource');
    for (const [key, value] of Object.entries(sdkAttributes)) if (rest.get(key) === value) rest.delete(key);
    for (const scopeLogs of objectsAt(resourceLogs, 'scopeLogs')) {
      const upgrade = upgradeFor(scopeLogs.schemaUrl, upgrades);
      const identity = readIdentity(upgrade(rest));
      const chunk = shared(scopeLogs.scope, chunkTable, 'scope').values as unknown as ChunkIdentity;
      const logs = objectsAt(scopeLogs, 'logRecords');
      records += logs.length;
      if (records > mostRecords)
        throw new Malformed('too_many_records', `The body is too large: over ${mostRecords} records.`);
      const verdicts = logs.map((log) => judge(log, identity, upgrade));
      chunks.push({ chunk, service: values as unknown as ServiceIdentity, verdicts });
    }
  }
  return chunks;
}

/**
 * Judges a parsed `POST /v1/logs` body. Tolerant of attribute order and of integers written as numbers;
 * strict about names and values: the allow-list is enforced here a second time, whoever sent the body.
 */
export function validateLogs(body: unknown, upgrades: Upgrades = upgradesToCurrent): LogsVerdict {
  try {
    return { kind: 'logs', chunks: readBody(body, upgrades) };
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'malformed', code: error.code, message: error.message };
    throw error;
  }
}
