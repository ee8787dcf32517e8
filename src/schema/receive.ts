import { accepts, type Spec } from './field.ts';
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

/** Wire name to value, as sent. */
export type Attributes = ReadonlyMap<string, unknown>;
/** Rewrites the attributes of an older schema version into the present one's. */
export type Upgrades = ReadonlyMap<number, (attributes: Attributes) => Attributes>;

/** The version before this one, once there is one. */
const upgradesToCurrent: Upgrades = new Map();

type JsonObject = Readonly<Record<string, unknown>>;
type Table = Readonly<Record<string, { wire: string; carrier: string; spec: Spec; required: boolean }>>;

class Malformed extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function objectsAt(parent: JsonObject, key: string): readonly JsonObject[] {
  const list = parent[key];
  if (!Array.isArray(list) || !list.every(isObject))
    throw new Malformed('not_otlp', `\`${key}\` must be an array of objects.`);
  return list;
}

/** The one value an OTLP AnyValue holds: text, number, boolean; `undefined` for any other shape. */
function scalarOf(value: unknown): unknown {
  if (!isObject(value)) return undefined;
  if (typeof value.stringValue === 'string') return value.stringValue;
  if (typeof value.boolValue === 'boolean') return value.boolValue;
  if (typeof value.doubleValue === 'number') return value.doubleValue;
  const { intValue } = value;
  if (typeof intValue === 'number') return intValue;
  if (typeof intValue === 'string' && /^-?\d{1,19}$/.test(intValue)) return Number(intValue);
  return undefined;
}

/** Absent where a key is missing, repeated or not text. */
function attributesAt(parent: unknown): Map<string, unknown> | undefined {
  const attributes = new Map<string, unknown>();
  const list = isObject(parent) ? (parent.attributes ?? []) : [];
  if (!Array.isArray(list)) return undefined;
  for (const item of list) {
    if (!isObject(item) || typeof item.key !== 'string' || attributes.has(item.key)) return undefined;
    attributes.set(item.key, scalarOf(item.value));
  }
  return attributes;
}

/** The value inside that a wire value stands for; whatever it is, `accepts` judges it afterwards. */
function fromWire(spec: Spec, wire: unknown): unknown {
  if (spec.kind === 'choice') return Object.keys(spec.values).find((value) => spec.values[value] === wire);
  if (spec.kind === 'duration') return typeof wire === 'number' ? Math.round(wire * 1000) : undefined;
  if (spec.kind === 'instant') {
    // Nanoseconds have 19 digits, more than a double holds: drop the six that a masked time has as zeros.
    return typeof wire === 'string' && /^\d{13}000000$/.test(wire) ? Number(wire.slice(0, -6)) : undefined;
  }
  return wire;
}

type Read = { readonly values: Readonly<Record<string, unknown>> } | { readonly reject: string };

/** Reads the fields of `table` that travel on `carriers`; what is left of `attributes` belongs to nobody. */
function readFields(table: Table, attributes: Map<string, unknown>): Read {
  const values: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(table)) {
    if (!attributes.has(field.wire)) {
      if (field.required) return { reject: `missing.${key}` };
      continue;
    }
    const value = fromWire(field.spec, attributes.get(field.wire));
    if (!accepts(field.spec, value)) return { reject: `invalid.${key}` };
    values[key] = value;
    attributes.delete(field.wire);
  }
  return { values };
}

function judge(
  log: JsonObject,
  identity: Attributes,
  upgrade: (attributes: Attributes) => Attributes,
): Verdict {
  const own = attributesAt(log);
  if (own === undefined) return { reject: 'not_otlp' };
  const attributes = new Map(upgrade(new Map([...identity, ...own])));
  for (const { carrier, wire } of Object.values(recordFields))
    if (carrier === 'native' && log[wire] !== undefined) attributes.set(wire, log[wire]);
  const read = readFields(recordFields, attributes);
  if ('reject' in read) return read;
  if (attributes.size > 0) return { reject: 'unknown_field' };
  const record = read.values as unknown as RequestRecord;
  return record.endedAt < record.startedAt ? { reject: 'invalid.endedAt' } : { record };
}

function sharedFields(table: Table, attributes: Map<string, unknown>, what: 'resource' | 'scope'): unknown {
  const read = readFields(table, attributes);
  if ('values' in read) return read.values;
  throw new Malformed(`bad_${what}`, `The ${what} attributes are outside the schema: ${read.reject}.`);
}

function sharedAttributes(parent: unknown, what: 'resource' | 'scope'): Map<string, unknown> {
  const attributes = attributesAt(parent);
  if (attributes !== undefined) return attributes;
  throw new Malformed('not_otlp', `Every attribute of a ${what} needs a \`key\` of its own.`);
}

function upgradeFor(url: unknown, upgrades: Upgrades): (attributes: Attributes) => Attributes {
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
  for (const resourceLogs of objectsAt(body, 'resourceLogs')) {
    const identity = sharedAttributes(resourceLogs.resource, 'resource');
    const service = sharedFields(serviceFields, identity, 'resource') as ServiceIdentity;
    for (const [key, value] of Object.entries(sdkAttributes))
      if (identity.get(key) === value) identity.delete(key);
    for (const scopeLogs of objectsAt(resourceLogs, 'scopeLogs')) {
      const upgrade = upgradeFor(scopeLogs.schemaUrl, upgrades);
      const scope = sharedAttributes(scopeLogs.scope, 'scope');
      const chunk = sharedFields(chunkFields, scope, 'scope') as ChunkIdentity;
      const verdicts = objectsAt(scopeLogs, 'logRecords').map((log) => judge(log, identity, upgrade));
      chunks.push({ chunk, service, verdicts });
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
