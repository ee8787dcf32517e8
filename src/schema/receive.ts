import { CompactReader, type Measured } from './compact.ts';
import { Cursor, literal, type Source } from './cursor.ts';
import type { Field } from './field.ts';
import {
  type ChunkIdentity,
  chunkFields,
  recordFields,
  schemaUrl,
  schemaVersion,
  serviceFields,
} from './fields.ts';
import { sdkAttributes } from './otlp.ts';
import { outcomeEvent, outcomeFields } from './outcome-fields.ts';
import type { OutcomeRecord, RequestRecord, ServiceIdentity } from './record.ts';
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
export type Verdict =
  | { readonly record: RequestRecord }
  | { readonly outcome: OutcomeRecord }
  | { readonly reject: string };

/** A good record that was never an object: what is looked at on arrival, and all of it as JSON in two parts. */
export interface Read {
  readonly measured: Measured;
  /** `{` and the members that all records of its resource share; then its own, and `}`. */
  readonly json: readonly [common: string, own: Uint8Array];
}

/** Consecutive records of one page life: `verdicts[i]` is on the record with number `chunk.seq + i`. */
export interface ReceivedChunk<On = Verdict> {
  readonly chunk: ChunkIdentity;
  readonly service: ServiceIdentity;
  readonly verdicts: readonly On[];
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
const outcomeTable = wireTable(outcomeFields);
const identityTable = wireTable(
  Object.fromEntries(Object.entries<Field>(recordFields).filter(([, { carrier }]) => carrier === 'resource')),
);

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

function nativeOf(log: JsonObject, table: WireTable): Attributes {
  const native = new Map<string, unknown>();
  for (const wire of table.native.keys()) if (log[wire] !== undefined) native.set(wire, log[wire]);
  return native;
}

function judgeOutcome(log: JsonObject, sent: Attributes): Verdict {
  const values: Record<string, unknown> = {};
  const reject =
    readInto(values, outcomeTable.native, nativeOf(log, outcomeTable)) ??
    readInto(values, outcomeTable.attributes, sent) ??
    missingFrom(outcomeTable, values);
  return reject === undefined ? { outcome: values as unknown as OutcomeRecord } : { reject };
}

function judge(log: JsonObject, identity: Identity, upgrade: Upgrade): Verdict {
  if (identity.reject !== undefined) return { reject: identity.reject };
  const sent = attributesAt(log);
  if (sent === undefined) return { reject: 'not_otlp' };
  if (log.eventName === outcomeEvent) return judgeOutcome(log, upgrade(sent));
  const values: Record<string, unknown> = {};
  const reject =
    readInto(values, recordTable.native, nativeOf(log, recordTable)) ??
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

interface Part {
  readonly chunk: ChunkIdentity;
  readonly service: ServiceIdentity;
  readonly identity: Identity;
  readonly upgrade: Upgrade;
  readonly logs: readonly JsonObject[];
}

function* partsOf(resourceLogs: JsonObject, upgrades: Upgrades): Generator<Part> {
  const { values, rest } = shared(resourceLogs.resource, serviceTable, 'resource');
  for (const [key, value] of Object.entries(sdkAttributes)) if (rest.get(key) === value) rest.delete(key);
  for (const scopeLogs of objectsAt(resourceLogs, 'scopeLogs')) {
    const upgrade = upgradeFor(scopeLogs.schemaUrl, upgrades);
    yield {
      chunk: shared(scopeLogs.scope, chunkTable, 'scope').values as unknown as ChunkIdentity,
      service: values as unknown as ServiceIdentity,
      identity: readIdentity(upgrade(rest)),
      upgrade,
      logs: objectsAt(scopeLogs, 'logRecords'),
    };
  }
}

function readBody(body: unknown, upgrades: Upgrades): readonly ReceivedChunk[] {
  if (!isObject(body)) throw new Malformed('not_otlp', 'The body must be an OTLP/JSON export request.');
  const chunks: ReceivedChunk[] = [];
  let records = 0;
  for (const resourceLogs of objectsAt(body, 'resourceLogs'))
    for (const { chunk, service, identity, upgrade, logs } of partsOf(resourceLogs, upgrades)) {
      records += logs.length;
      if (records > mostRecords)
        throw new Malformed('too_many_records', `The body is too large: over ${mostRecords} records.`);
      chunks.push({ chunk, service, verdicts: logs.map((log) => judge(log, identity, upgrade)) });
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

const bodyOpen = literal('{"resourceLogs":[');
const recordsOpen = '"logRecords":[';
const recordsClose = ']}]}';
const recordsEnd = literal(recordsClose);
const comma = literal(',');
const bodyClose = literal(']}');

/**
 * Judges the bytes of a body without parsing its records, where all of them are good and written as `encodeLogs`
 * writes them. What was read so is ASCII, and so UTF-8.
 * @param out takes the records: as many bytes as the body has
 * @param parse as the whole text would be parsed; it gets what stands before the records
 * @returns `undefined` for every other body: `validateLogs` judges it
 */
export function readLogsBytes(
  source: Source,
  out: Uint8Array,
  parse: (text: string) => unknown,
): readonly ReceivedChunk<Read>[] | undefined {
  const { text } = source;
  const chunks: ReceivedChunk<Read>[] = [];
  let records = 0;
  const cursor = new Cursor(source, out);
  const reader = new CompactReader(cursor);
  if (!cursor.skip(bodyOpen)) return undefined;
  do {
    // A quote inside a JSON string is escaped, so this cannot stand in a value.
    const start = text.indexOf(recordsOpen, cursor.at) + recordsOpen.length;
    if (start < recordsOpen.length) return undefined;
    const part = readHead(text.slice(cursor.at, start) + recordsClose, parse);
    if (part === undefined) return undefined;
    const { chunk, service, identity } = part;
    const common = JSON.stringify(identity.values).slice(0, -1);
    const model = identity.values as unknown as RequestRecord;
    const verdicts: Read[] = [];
    cursor.at = start;
    do {
      const from = cursor.to;
      const measured = reader.record(model);
      if (measured === undefined || records === mostRecords) return undefined;
      records += 1;
      verdicts.push({ measured, json: [common, out.subarray(from, cursor.to)] });
    } while (cursor.skip(comma));
    if (!cursor.skip(recordsEnd)) return undefined;
    chunks.push({ chunk, service, verdicts });
  } while (cursor.skip(comma));
  return cursor.skip(bodyClose) && cursor.at === text.length ? chunks : undefined;
}

/** What the records of one resource share, if all of it is good. */
function readHead(text: string, parse: (text: string) => unknown): Part | undefined {
  // A character over ASCII is several bytes, each of which stands for itself here.
  if (!/^\p{ASCII}*$/u.test(text)) return undefined;
  try {
    const resourceLogs = parse(text);
    if (!isObject(resourceLogs)) return undefined;
    const [part, ...more] = partsOf(resourceLogs, new Map());
    if (part === undefined || more.length > 0 || part.identity.reject !== undefined) return undefined;
    return missingFrom(identityTable, part.identity.values) === undefined ? part : undefined;
  } catch {
    return undefined;
  }
}
