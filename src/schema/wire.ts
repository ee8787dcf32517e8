import { accepts, type Field, type Spec } from './field.ts';
import { isPersonal } from './personal-data.ts';
import { findInProse } from './prose.ts';

export type JsonObject = Readonly<Record<string, unknown>>;
/** Wire name to value, as sent. */
export type Attributes = ReadonlyMap<string, unknown>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

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

/** The `attributes` of a resource, scope or record; absent where a key is missing, repeated or not text. */
export function attributesAt(parent: unknown): Map<string, unknown> | undefined {
  const attributes = new Map<string, unknown>();
  const list = isObject(parent) ? (parent.attributes ?? []) : [];
  if (!Array.isArray(list)) return undefined;
  for (const item of list) {
    if (!isObject(item) || typeof item.key !== 'string' || attributes.has(item.key)) return undefined;
    attributes.set(item.key, scalarOf(item.value));
  }
  return attributes;
}

/** How a wire value of this kind is turned into the one inside; `accepts` judges it afterwards. */
function decoderOf(spec: Spec): (wire: unknown) => unknown {
  switch (spec.kind) {
    case 'choice': {
      const inside = new Map<unknown, string>(
        Object.entries(spec.values).map(([value, wire]) => [wire, value]),
      );
      return (wire) => inside.get(wire);
    }
    case 'duration':
      return (wire) => (typeof wire === 'number' ? Math.round(wire * 1000) : undefined);
    case 'instant':
      // Nanoseconds have 19 digits, more than a double holds: drop the six that a masked time has as zeros.
      return (wire) =>
        typeof wire === 'string' && /^\d{13}000000$/.test(wire) ? Number(wire.slice(0, -6)) : undefined;
    default:
      return (wire) => wire;
  }
}

interface WireField {
  readonly key: string;
  readonly spec: Spec;
  readonly decode: (wire: unknown) => unknown;
}

/** A table of fields as the reader needs it: by wire name. */
export interface WireTable {
  readonly attributes: ReadonlyMap<string, WireField>;
  /** Fields that OTLP's LogRecord has by itself. */
  readonly native: ReadonlyMap<string, WireField>;
  readonly required: readonly string[];
}

export function wireTable(table: Readonly<Record<string, Field>>): WireTable {
  const entries = Object.entries(table);
  const byWire = (native: boolean) =>
    new Map(
      entries
        .filter(([, { carrier }]) => (carrier === 'native') === native)
        .map(([key, { wire, spec }]): [string, WireField] => [wire, { key, spec, decode: decoderOf(spec) }]),
    );
  return {
    attributes: byWire(false),
    native: byWire(true),
    required: entries.flatMap(([key, { required }]) => (required ? [key] : [])),
  };
}

/**
 * Reads every attribute given into `values`; one that no field names is refused, or handed to `leave`.
 * @returns why it is refused; absent when all are read
 */
export function readInto(
  values: Record<string, unknown>,
  fields: ReadonlyMap<string, WireField>,
  attributes: Attributes,
  leave?: Map<string, unknown>,
): string | undefined {
  for (const [wire, sent] of attributes) {
    const field = fields.get(wire);
    if (field === undefined) {
      if (leave === undefined) return 'unknown_field';
      leave.set(wire, sent);
      continue;
    }
    const value = field.decode(sent);
    if (!accepts(field.spec, value)) return `invalid.${field.key}`;
    if (isPersonal(field.spec, value) || isTelling(field.spec, value)) return `personal_data.${field.key}`;
    values[field.key] = value;
  }
  return undefined;
}

const isTelling = (spec: Spec, value: unknown): boolean =>
  spec.kind === 'prose' && typeof value === 'string' && findInProse(value).length > 0;

/** The name of a required field that is not there, as a reason. */
export function missingFrom(table: WireTable, values: JsonObject): string | undefined {
  const missing = table.required.find((key) => values[key] === undefined);
  return missing === undefined ? undefined : `missing.${missing}`;
}
